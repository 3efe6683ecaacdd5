"""A group of processes from a Procfile, run by honcho: they start together and end together."""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import honcho.manager
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from config.devstack import process_locks
from config.devstack.data import PROJECT, DataFolder
from config.devstack.exceptions import CannotStart
from config.devstack.process_locks import Lease

# Honcho's default of 5 s would kill a database that still waits for its clients.
honcho.manager.KILL_WAIT = 20


def lines_of(procfile: Path) -> dict[str, str]:
    return dict(parse_procfile(procfile.read_text()).processes)


def take_or_refuse(name: str, data: DataFolder, advice: str) -> Lease:
    """The lock `name` on the whole folder. Raises CannotStart with `advice` if another process holds it."""
    lease = process_locks.take(data.root, name)
    if lease is None:
        print(f"Another {name} uses {data.root}; waiting in case it is just stopping.", flush=True)
        lease = process_locks.take(data.root, name, wait_seconds=20.0)
    if lease is None:
        holder = process_locks.holder(data.root, name)
        raise CannotStart(f"A {name} is already running on {data.root} (process group {holder}). {advice}")
    return lease


def run(lines: Mapping[str, str], variables: dict[str, str], data: DataFolder, lease: Lease, *, unprefixed: str) -> int:
    """Run `lines` until one of them ends or a signal arrives. Returns the exit code.

    The output of the process `unprefixed` is printed as it is, without time and name. No process that this started is
    left running.
    """
    try:
        return _run(lines, variables, lease, unprefixed)
    finally:
        for reader in multiprocessing.active_children():  # only if honcho itself crashed
            reader.kill()
        process_locks.reclaim(data.leases)


def _run(lines: Mapping[str, str], variables: dict[str, str], lease: Lease, unprefixed: str) -> int:
    # Honcho forks a reader for each process. It must die with us and must not hold our lock; its process dies with it.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=partial(process_locks.die_with_parent, signal.SIGKILL))
    os.register_at_fork(after_in_child=lease.release)
    manager = _Manager(_PartlyPrefixed(unprefixed))
    for name, line in lines.items():
        manager.add_process(name, line, env=variables, cwd=str(PROJECT))
    manager.loop()
    return int(manager.returncode or 0)


class _Manager(honcho.manager.Manager):  # type: ignore[misc]  # honcho is not typed
    """Honcho's manager, which can also be terminated while it starts: on its own it misses processes without a pid."""

    def terminate(self) -> None:
        if self._all_started():
            super().terminate()
        else:
            signal.signal(signal.SIGALRM, lambda _signum, _frame: self.terminate())
            signal.setitimer(signal.ITIMER_REAL, 0.1)


class _PartlyPrefixed(Printer):  # type: ignore[misc]  # honcho is not typed
    """Honcho's printer, except that one process's output has no time and name in front."""

    def __init__(self, unprefixed: str) -> None:
        super().__init__()
        self._unprefixed = unprefixed

    def write(self, message: Message) -> None:
        if message.name == self._unprefixed:
            text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
            print(text.rstrip("\n"), file=self.output, flush=True)
        else:
            super().write(message)
