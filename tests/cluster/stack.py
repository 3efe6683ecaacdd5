"""The whole cluster: nginx, HAProxy, two web servers and workers, PgBouncer, two PostgreSQLs and Valkeys, sentinels.

In production each process has a server of its own. Nothing here needs Django: the configuration of the shop's processes
is in `variables`.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from config.devstack import ports, process_locks
from config.devstack.data import PROJECT, DataFolder
from tests.cluster.haproxy import HAProxy
from tests.cluster.nginx import Nginx
from tests.cluster.pgbouncer import PgBouncer
from tests.cluster.postgreses import Postgreses
from tests.cluster.valkeys import Valkeys
from tests.support.ending import end, kill

THREADS = 4


class Stack:
    """`start_servers`, then `start_shop` once the database is migrated; `stop` ends everything."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        password = secrets.token_urlsafe(16)
        self.postgreses = Postgreses(folder, password)
        self.valkeys = Valkeys(folder, password)
        self.web_ports = {f"web-{number}": ports.choose() for number in (1, 2)}
        self.haproxy = HAProxy(DataFolder(folder / "haproxy"), list(self.web_ports.values()))
        self.front = Nginx(DataFolder(folder / "nginx"), self.haproxy.port, port)
        self.variables = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            # Plain HTTP; and not the data folder of a demo, whose settings would apply.
            "ESTEIRA_DEMO": "1",
            "ESTEIRA_DATA": str(folder / "none"),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_BEHIND_POOLER": "1",
            "DATABASE_POOL_SIZE": str(THREADS),
            "NUM_PROXIES": "1",
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "WARNING",
            "SITE_URL": self.url,
            "PYTHONUNBUFFERED": "1",
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where shoppers come in."""
        return self.front.url

    def start_servers(self) -> None:
        self._stack.callback(self.postgreses.stop)
        self.postgreses.start()
        self.pgbouncer = PgBouncer(DataFolder(self._folder / "pgbouncer"), self.postgreses)
        self._stack.enter_context(self.pgbouncer.running(log=self._log("pgbouncer")))
        self._stack.callback(self.valkeys.stop)
        self.valkeys.start()
        self._stack.enter_context(self.haproxy.running(log=self._log("haproxy")))
        self._stack.enter_context(self.front.running(log=self._log("nginx")))
        self.variables |= self.valkeys.variables | {
            "DATABASE_URL": self.pgbouncer.url,
            "DATABASE_REPLICA_URL": self.pgbouncer.standby_url,
        }

    def migrate(self) -> None:
        """Migrate without the pooler, since a migration holds session locks."""
        past = {"DATABASE_URL": self.postgreses.primary.url, "DATABASE_BEHIND_POOLER": "0", "DATABASE_REPLICA_URL": ""}
        command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=PROJECT, env={**os.environ, **self.variables, **past}, check=True)

    def start_shop(self) -> None:
        for name in [*self.web_ports, "worker-1", "worker-2", "beat"]:
            self.start(name)

    def start(self, name: str) -> None:
        """Start or restart `web-1`, `web-2`, `worker-1`, `worker-2` or `beat`."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *self._line(name)],
            cwd=PROJECT, env={**os.environ, **self.variables}, stdout=self._log(name), stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=partial(process_locks.die_with_parent, signal.SIGTERM),
        )  # fmt: skip
        self._processes[name] = process
        self._stack.callback(end, process, 5)

    def kill(self, name: str) -> None:
        """kill -9 the process and its children: nothing is cleaned up."""
        kill(self._processes[name])

    def stop(self) -> None:
        self._stack.close()

    def _line(self, name: str) -> list[str]:
        kind = name.partition("-")[0]
        if kind == "web":
            threads = ["--config", "python:config.gunicorn", "--workers", "1", "--threads", str(THREADS)]
            address = f"{ports.HOST}:{self.web_ports[name]}"
            return ["gunicorn", "config.wsgi", "--bind", address, *threads]
        if kind == "worker":
            return ["celery", "-A", "config", "worker", "--concurrency", "1", "-n", f"{name}@%h", "-l", "WARNING"]
        schedule = str(self._folder / "beat-schedule")
        return ["celery", "-A", "config", "beat", "-l", "WARNING", "--pidfile=", "--schedule", schedule]

    def _log(self, name: str) -> IO[bytes]:
        return self._stack.enter_context((self._folder / f"{name}.log").open("ab"))


@contextlib.contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Stack]:
    """The servers with an empty, migrated database; the shop's processes are not started yet."""
    stack = Stack(folder, port)
    try:
        stack.start_servers()
        stack.migrate()
        yield stack
    finally:
        stack.stop()
