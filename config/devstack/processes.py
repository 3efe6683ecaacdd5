"""What the lines of the Procfile run: one process each, under its lock."""

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
# The servers stop last, so that these can finish what they are doing.
_CLIENTS = ("web", "worker", "beat", "bootstrap")
_SECONDS_FOR_CLIENTS = 8.0


class _StopRequested(BaseException):
    """A signal asked us to stop."""


def serve(name: str) -> int:
    """Run an embedded server until it ends or a signal arrives; then stop it once its clients are gone."""

    def stop(signum: int, _frame: object) -> None:
        raise _StopRequested

    process_locks.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    data = DataFolder.chosen()
    try:
        with SERVERS[name](data).running() as process:
            try:
                return process.wait()
            except _StopRequested:
                process_locks.wait_until_free(data.leases, _CLIENTS, seconds=_SECONDS_FOR_CLIENTS)
    except _StopRequested:
        pass
    return 0


def become(name: str, command: list[str], *, when_open: bool) -> None:
    """Take the lock `name` and exec `command`, after `bootstrap` is done if `when_open`. Does not return."""
    process_locks.die_with_parent(signal.SIGTERM)
    data = DataFolder.chosen()
    lease = process_locks.take(data.leases, name, wait_seconds=3.0)
    if lease is None:
        raise CannotStart(f"Another {name} is running on {data.root}.")
    while when_open and not data.opened.exists():
        time.sleep(0.1)
    _clear_metrics()
    os.set_inheritable(lease.descriptor, True)
    os.execvp(command[0], command)  # noqa: S606 (the Procfile's own command)


def _clear_metrics() -> None:
    """Counts of an earlier start would stay in /metrics forever."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in Path(folder).glob("*.db"):
            file.unlink(missing_ok=True)
