"""What the lines of the Procfile run: one process each, under its lease."""

import os
import signal
import time
from pathlib import Path

from config.devstack import process_locks
from config.devstack.data import DataFolder
from config.devstack.exceptions import CannotStart
from config.devstack.postgres import Postgres
from config.devstack.server import EmbeddedServer
from config.devstack.valkey import Valkey

SERVERS: dict[str, type[EmbeddedServer]] = {server.name: server for server in (Postgres, Valkey)}
# Who needs the servers: they stop last, so that whoever is at work can finish.
_CLIENTS = ("web", "worker", "beat", "bootstrap")
_SECONDS_FOR_CLIENTS = 8.0


class _Told(BaseException):
    """We were told to end."""


def serve(name: str) -> int:
    """Run an embedded server until it ends or we are told to; it stops when those who use it have gone."""

    def told(signum: int, _frame: object) -> None:
        raise _Told

    process_locks.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    data = DataFolder.chosen()
    try:
        with SERVERS[name](data).running() as process:
            try:
                return process.wait()
            except _Told:
                process_locks.wait_until_free(data.leases, _CLIENTS, seconds=_SECONDS_FOR_CLIENTS)
    except _Told:
        pass
    return 0


def become(name: str, command: list[str], *, when_open: bool) -> None:
    """Turn into `command`, holding the lease `name`; first wait for the doorman where `when_open`. Does not return."""
    process_locks.die_with_parent(signal.SIGTERM)
    data = DataFolder.chosen()
    lease = process_locks.take(data.leases, name, wait_seconds=3.0)
    if lease is None:
        raise CannotStart(f"Another {name} is running on {data.root}.")
    while when_open and not data.opened.exists():
        time.sleep(0.1)
    _forget_counts()
    os.set_inheritable(lease.descriptor, True)
    os.execvp(command[0], command)  # noqa: S606 (the Procfile's own command)


def _forget_counts() -> None:
    """What a former life of this line has counted would stand in /metrics for ever."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in Path(folder).glob("*.db"):
            file.unlink(missing_ok=True)
