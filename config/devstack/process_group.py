"""A line-up of processes, run by honcho from a Procfile: all of them start together and end together."""

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

# Honcho's own 5 s would cut short a database that waits for those who use it.
honcho.manager.KILL_WAIT = 20


def lines_of(procfile: Path) -> dict[str, str]:
    return dict(parse_procfile(procfile.read_text()).processes)


def be_the_only(name: str, data: DataFolder, advice: str) -> Lease:
    """The lease `name` on the whole folder. Raises CannotStart with `advice` where another process has it."""
    lease = process_locks.take(data.root, name)
    if lease is None:
        print(f"Another {name} uses {data.root}; waiting a moment in case it is just stopping.", flush=True)
        lease = process_locks.take(data.root, name, wait_seconds=20.0)
    if lease is None:
        holder = process_locks.holder(data.root, name)
        raise CannotStart(f"A {name} is already running on {data.root} (process group {holder}). {advice}")
    return lease


def run(lines: Mapping[str, str], variables: dict[str, str], data: DataFolder, lease: Lease, *, spokesman: str) -> int:
    """Run `lines` until one ends or we are told to stop; the exit code. The line `spokesman` speaks without a prefix.

    When this returns, nothing that it started runs any more.
    """
    try:
        return _run(lines, variables, lease, spokesman)
    finally:
        for reader in multiprocessing.active_children():  # only where honcho itself broke down
            reader.kill()
        process_locks.reclaim(data.leases)


def _run(lines: Mapping[str, str], variables: dict[str, str], lease: Lease, spokesman: str) -> int:
    # Honcho forks a reader a line: it must go when we go, and must not hold our lease. What it reads from follows it.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=partial(process_locks.die_with_parent, signal.SIGKILL))
    os.register_at_fork(after_in_child=lease.release)
    manager = _Manager(_Plainly(spokesman))
    for name, line in lines.items():
        manager.add_process(name, line, env=variables, cwd=str(PROJECT))
    manager.loop()
    return int(manager.returncode or 0)


class _Manager(honcho.manager.Manager):  # type: ignore[misc]  # honcho is not typed
    """Honcho's manager, which can also be told to end while it starts: it signals only those whose number it knows."""

    def terminate(self) -> None:
        if self._all_started():
            super().terminate()
        else:
            signal.signal(signal.SIGALRM, lambda _signum, _frame: self.terminate())
            signal.setitimer(signal.ITIMER_REAL, 0.1)


class _Plainly(Printer):  # type: ignore[misc]  # honcho is not typed
    """Honcho's printer, which lets one line speak without the time and name in front."""

    def __init__(self, spokesman: str) -> None:
        super().__init__()
        self._spokesman = spokesman

    def write(self, message: Message) -> None:
        if message.name == self._spokesman:
            text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
            print(text.rstrip("\n"), file=self.output, flush=True)
        else:
            super().write(message)
