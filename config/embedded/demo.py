"""The demo: the lines of the Procfile on one data folder, run by honcho."""

import multiprocessing
import os
import signal
from collections.abc import Collection, Mapping
from functools import partial

import honcho.manager
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from config.embedded import environment, leases, ports
from config.embedded.data import PROJECT, DataFolder
from config.embedded.leases import Lease
from config.embedded.refusal import CannotStart

_SERVERS = ("postgres", "valkey", "sandbox", "carrier")
# Honcho's own 5 s would cut short a database that waits for those who use it.
honcho.manager.KILL_WAIT = 20


def run(*, servers_only: bool) -> int:
    """Run everything, or the servers alone, until one ends or we are told to stop; the exit code.

    When this returns, nothing that it started runs any more. Raises CannotStart with a sentence for the person.
    """
    if leases.under_make():
        leases.die_with_parent(signal.SIGTERM)
    data, port = DataFolder.chosen(), _port()
    data.create()
    lease = _be_the_only_demo(data)
    leases.reclaim(data.leases)
    data.opened.unlink(missing_ok=True)
    if not servers_only and not ports.is_free(port):
        raise CannotStart(
            f"Port {port} on {ports.HOST} is taken by another program. "
            f"Stop that, or choose another port: make demo PORT={port + 1}"
        )
    variables = environment.shop_addresses(data, os.environ, port)
    environment.write_servers_env(data, variables)
    names = _wanted(servers_only=servers_only)
    if servers_only:
        print(f"The servers' addresses are in {data.servers_env}; manage.py reads them there.", flush=True)
    try:
        return _run_lines(names, _line_environment(data, variables, port), lease)
    finally:
        for reader in multiprocessing.active_children():  # only where honcho itself broke down
            reader.kill()
        leases.reclaim(data.leases)


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _be_the_only_demo(data: DataFolder) -> Lease:
    lease = leases.take(data.root, "demo")
    if lease is None:
        print(f"Another demo uses {data.root}; waiting a moment in case it is just stopping.", flush=True)
        lease = leases.take(data.root, "demo", wait_seconds=20.0)
    if lease is None:
        raise CannotStart(
            f"A demo is already running on {data.root} (process group {leases.holder(data.root, 'demo')}). "
            "Stop it first, or give this one a folder and a port of its own: make demo ESTEIRA_DATA=… PORT=…"
        )
    return lease


def _wanted(*, servers_only: bool) -> Collection[str]:
    """The lines of the Procfile to run: not those of servers that the environment replaces."""
    needed = environment.needed_servers(os.environ)
    lines = list(_lines())
    return [name for name in lines if name in needed or (name not in _SERVERS and not servers_only)]


def _lines() -> dict[str, str]:
    return dict(parse_procfile((PROJECT / "Procfile").read_text()).processes)


def _line_environment(data: DataFolder, variables: Mapping[str, str], port: int) -> dict[str, str]:
    ours = {
        "PORT": str(port),
        "ESTEIRA_MAKE": str(os.getppid()) if leases.under_make() else "",
        "DEMO_ADMIN_PASSWORD": os.environ.get("DEMO_ADMIN_PASSWORD") or data.secret("admin")[:12],
    }
    for stand_in in ("sandbox", "carrier"):
        if stand_in in environment.needed_servers(os.environ):
            ours[f"{stand_in.upper()}_PORT"] = str(data.port(stand_in))
    return environment.process_environment(data, variables) | ours


def _run_lines(names: Collection[str], variables: dict[str, str], lease: Lease) -> int:
    # Honcho forks a reader a line: it must go when we go, and must not hold our lease. What it reads from follows it.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=partial(leases.die_with_parent, signal.SIGKILL))
    os.register_at_fork(after_in_child=lease.release)
    manager = _Manager(_PlainDoorman())
    for name, line in _lines().items():
        if name in names:
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


class _PlainDoorman(Printer):  # type: ignore[misc]  # honcho is not typed
    """Honcho's printer, which lets the doorman speak without the time and name in front."""

    def write(self, message: Message) -> None:
        if message.name == "doorman":
            text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
            print(text.rstrip("\n"), file=self.output, flush=True)
        else:
            super().write(message)
