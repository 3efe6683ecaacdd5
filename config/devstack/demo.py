"""The demo: the processes of the Procfile on one data folder."""

import os
import signal
from collections.abc import Mapping

from config.devstack import environment, ports, process_group, process_locks
from config.devstack.data import PROJECT, DataFolder
from config.devstack.exceptions import CannotStart

_SERVERS = ("postgres", "valkey", "sandbox", "carrier")


def run(*, servers_only: bool) -> int:
    """Run everything, or only the servers, until one process ends or a signal arrives. Returns the exit code.

    No process that it started is left running. Raises CannotStart.
    """
    if process_locks.under_make():
        process_locks.die_with_parent(signal.SIGTERM)
    data, port = DataFolder.chosen(), ports.chosen("PORT", 8000)
    data.create()
    lease = process_group.take_or_refuse(
        "demo", data, "Stop it first, or give this one a folder and a port of its own: make demo ESTEIRA_DATA=… PORT=…"
    )
    process_locks.reclaim(data.leases)
    data.opened.unlink(missing_ok=True)
    if not servers_only and not ports.is_free(port):
        raise CannotStart(
            f"Port {port} on {ports.HOST} is taken by another program. "
            f"Stop that, or choose another port: make demo PORT={port + 1}"
        )
    variables = environment.shop_addresses(data, os.environ, port)
    # Only in the file: a variable in a process's environment could not be removed when the monitor ends.
    environment.write_servers_env(data, variables | environment.alertmanager_address(data))
    lines = _wanted_lines(servers_only=servers_only)
    if servers_only:
        print(f"The servers' addresses are in {data.servers_env}; manage.py reads them there.", flush=True)
    return process_group.run(lines, _line_environment(data, variables, port), data, lease, unprefixed="bootstrap")


def _wanted_lines(*, servers_only: bool) -> dict[str, str]:
    """The lines of the Procfile to run, without servers that the environment replaces."""
    needed = environment.needed_servers(os.environ)
    return {
        name: line
        for name, line in process_group.lines_of(PROJECT / "Procfile").items()
        if name in needed or (name not in _SERVERS and not servers_only)
    }


def _line_environment(data: DataFolder, variables: Mapping[str, str], port: int) -> dict[str, str]:
    ours = {
        "PORT": str(port),
        "ESTEIRA_MAKE": str(os.getppid()) if process_locks.under_make() else "",
        "DEMO_ADMIN_PASSWORD": os.environ.get("DEMO_ADMIN_PASSWORD") or data.secret("admin")[:12],
    }
    for stand_in in ("sandbox", "carrier"):
        if stand_in in environment.needed_servers(os.environ):
            ours[f"{stand_in.upper()}_PORT"] = str(data.port(stand_in))
    return environment.process_environment(data, variables) | ours
