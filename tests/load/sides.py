"""The two shops and their processes, on one PostgreSQL server, each in its own database.

Both run on the web server of the demo and production, with the same processes and threads. The new one also has its
worker, which sends its mail; the old one sends mail itself. Instead of the old one an older checkout of this shop can
run, worker included.
"""

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from config.devstack import environment, ports, process_locks
from config.devstack.data import PROJECT, DataFolder
from config.devstack.postgres import Postgres
from config.devstack.valkey import Valkey
from tests.load.stand_ins import StandIns
from tests.support.ending import end

NAMES = ("before", "after")
# As in the Procfile; a test compares them.
WEB = ("--config", "python:config.gunicorn", "config.wsgi", "--workers", "2", "--threads", "4")
# Releases without config/gunicorn.py keep it under another name.
OLDER_WEB = tuple(part.replace("config.gunicorn", "config.web_server") for part in WEB)
WORKER = ("-A", "config", "worker", "--concurrency", "2", "-l", "WARNING", "--without-mingle", "--without-gossip")


class Servers:
    """PostgreSQL and Valkey, as durable as in production, on separate data."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data
        self._postgres, self._valkey = Postgres(data), Valkey(data)
        self.postgres_process: subprocess.Popen[bytes]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._data.create()
        for name in ("postgres", "valkey"):
            self._data.free_port(name)
        with (self._data.root / "servers.log").open("wb") as log, contextlib.ExitStack() as stack:
            self.postgres_process = stack.enter_context(self._postgres.running(log=log))
            stack.enter_context(self._valkey.running(log=log))
            yield

    def database_url(self, side: str) -> str:
        """The new side uses the server's default database, the old side a copy of it."""
        own = self._postgres.url
        return own if side == "after" else f"{own.rsplit('/', 1)[0]}/before"

    def redis_url(self, database: int) -> str:
        return self._valkey.url(database)

    def copy_database(self) -> None:
        """Copy the new side's database for the old one. It must have no connections."""
        with psycopg.connect(f"{self._postgres.url.rsplit('/', 1)[0]}/postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE before TEMPLATE {}").format(
                    sql.Identifier(self._postgres.url.rsplit("/", 1)[1])
                )
            )


class Side:
    """One running shop: `after` is this one, `before` the old one, or an older checkout of this one in `tree`."""

    def __init__(
        self, name: str, servers: Servers, stand_ins: StandIns, data: DataFolder, tree: Path | None = None
    ) -> None:
        self.name = name
        self.tree = tree or PROJECT
        # The old shop has no worker, and the provider sends it no webhooks.
        self.has_worker = name == "after" or tree is not None
        self.database_url = servers.database_url(name)
        self.port = ports.choose()
        self.metrics = data.root / f"metrics-{name}"
        self.web = 0
        self.worker: int | None = None
        self._folder = data.root
        redis = {"after": 0, "before": 2}[name]
        self.variables = environment.process_environment(data, stand_ins.variables) | {
            "DJANGO_SETTINGS_MODULE": "config.settings" if self.has_worker else "tests.load.before.settings",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": servers.redis_url(redis),
            "CELERY_BROKER_URL": servers.redis_url(redis + 1),
            "SECRET_KEY": data.secret("django"),
            "SITE_URL": self.url,
            # As in production, except for TLS.
            "ESTEIRA_DEMO": "0",
            "HTTPS": "0",
            "STATIC_FROM_APPS": "1",
            "RATE_LIMITS": "off",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def web_server(self) -> tuple[str, ...]:
        """The Python module that serves the shop, and its arguments."""
        web = WEB if (self.tree / "config" / "gunicorn.py").exists() else OLDER_WEB
        return ("gunicorn", *web, "--bind", f"127.0.0.1:{self.port}")

    @property
    def _python(self) -> str:
        """Its own environment's, if it has one."""
        own = self.tree / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    @property
    def processes(self) -> list[int]:
        return [process for process in (self.web, self.worker) if process]

    def manage(self, *arguments: str) -> None:
        self._run("manage.py", *arguments)

    def run_module(self, module: str, *arguments: str) -> None:
        self._run("-m", module, *arguments)

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [self._python, "-W", "ignore", *arguments],
            cwd=self.tree, env=self.variables, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def build_catalogues(self) -> None:
        """Compile its translations, as `make` does before it opens a shop."""
        for catalogue in self.tree.glob("config/locale/*/LC_MESSAGES/*.po"):
            compiled = str(catalogue.with_suffix(".mo"))
            self._run("-m", "babel.messages.frontend", "--quiet", "compile", "-i", str(catalogue), "-o", compiled)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            self.web = self._start(stack, "web", *self.web_server)
            if self.has_worker:
                schedule = str(self._folder / f"beat-{self.name}")
                self.worker = self._start(stack, "worker", "celery", *WORKER, "--beat", "--schedule", schedule)
            self._wait()
            yield

    def _start(self, stack: contextlib.ExitStack, what: str, program: str, *arguments: str) -> int:
        """Start a process that ends with the stack; returns its process id."""
        folder = self.metrics if what == "web" else self._folder / f"metrics-{self.name}-worker"
        log = stack.enter_context((self._folder / f"{self.name}-{what}.log").open("wb"))
        process = subprocess.Popen(
            [self._python, "-W", "ignore", "-m", program, *arguments], cwd=self.tree, stdout=log, stderr=log,
            env={**self.variables, "PROMETHEUS_MULTIPROC_DIR": str(folder)}, start_new_session=True,
            preexec_fn=partial(process_locks.die_with_parent, signal.SIGTERM),
        )  # fmt: skip
        stack.callback(end, process, 10)
        return process.pid

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v1/products/", timeout=30):
                    return
            except urllib.error.HTTPError as error:
                raise SystemExit(f"The {self.name} side answers {error.code}; {self._folder} holds its logs.") from None
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise SystemExit(f"The {self.name} side does not answer; {self._folder} holds its logs.")
            time.sleep(0.1)
