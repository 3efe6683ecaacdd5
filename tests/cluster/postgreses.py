"""PostgreSQL as in production: a primary, and a synchronous standby."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.postgres import Postgres, binary
from config.devstack.server_user import server_user
from tests.cluster.configuration import GIVEN
from tests.support.waiting import eventually

DATABASE = "esteira"


class Node(Postgres):
    """A PostgreSQL server of the cluster. `is_copy`: its data folder is already made, as a copy of another's."""

    def __init__(self, data: DataFolder, password: str, *, is_copy: bool) -> None:
        super().__init__(data)
        self._password, self._is_copy = password, is_copy

    @property
    def password(self) -> str:
        return self._password

    @property
    def address(self) -> str:
        """The address for operators' scripts: without a password, of the database that always exists."""
        return f"postgres://{DATABASE}@{ports.HOST}:{self.port}/postgres"

    def answers(self) -> bool:
        """Whether it answers queries. Creates the shop's database unless this is a copy."""
        if not self._is_copy:
            return super().answers()
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, statement: str) -> Any:
        """The first value of the first row. Raises psycopg.OperationalError if the server is down."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    def make_folder(self) -> None:
        """Make an empty data folder, owned by the user who will run the server."""
        self.cluster.mkdir(mode=0o700)
        if user := server_user():
            os.chown(self.cluster, user.pw_uid, user.pw_gid)


class Postgreses:
    """A primary and its standby, with data folders in `folder`."""

    def __init__(self, folder: Path, password: str) -> None:
        self._stack = contextlib.ExitStack()
        self._folder, self._password, self._made = folder, password, 0
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.primary = self._new(is_copy=False)
        self.standby: Node

    def start(self) -> None:
        """Start both; from here on commits wait for the standby."""
        self._run(self.primary)
        self.add_standby()

    def stop(self) -> None:
        self._stack.close()

    def add_standby(self) -> None:
        """Run deploy/cluster/rejoin, for the first standby and for each after it."""
        self.standby = self._new(is_copy=True)
        self.standby.make_folder()
        copied = self.standby.cluster / "copied"
        variables = {"PRIMARY": self.primary.address, "PGDATA": str(self.standby.cluster), "START": f"touch {copied}"}
        script = subprocess.Popen(
            [*self.standby.as_its_user(), str(GIVEN / "rejoin")],
            env={**os.environ, **variables, "PGPASSWORD": self._password, "PATH": programs()},
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(lambda: copied.exists() or script.poll() is not None, 60)
        copied.unlink()
        self._run(self.standby)
        assert script.wait(60) == 0
        eventually(lambda: self.primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync", 10)

    def kill_primary(self) -> None:
        """As if its machine lost power."""
        self._kill(self.primary)

    def kill_standby(self) -> None:
        """As if its machine lost power. Commits wait from now on."""
        self._kill(self.standby)

    def go_on_alone(self) -> None:
        """The operator's decision: commits no longer wait for a standby."""
        self.primary.ask("ALTER SYSTEM RESET synchronous_standby_names")
        self.primary.ask("SELECT pg_reload_conf()")

    def was_promoted(self) -> None:
        """Record that the standby has become the primary and there is no standby."""
        self.primary = self.standby

    def _new(self, *, is_copy: bool) -> Node:
        self._made += 1
        data = DataFolder(self._folder / f"postgres-{self._made}")
        data.create()
        data.free_port("postgres")
        return Node(data, self._password, is_copy=is_copy)

    def _kill(self, node: Node) -> None:
        """kill -9 all of its processes at once."""
        process = self._processes[node.port]
        tree = psutil.Process(process.pid)
        for each in [tree, *tree.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def _run(self, node: Node) -> None:
        log = self._stack.enter_context((node.data.root / "log").open("ab"))
        self._processes[node.port] = self._stack.enter_context(node.running(log=log))


def programs() -> str:
    """A PATH with psql and pg_isready."""
    return os.pathsep.join([str(binary("psql").parent), os.environ.get("PATH", os.defpath)])


@contextlib.contextmanager
def running(folder: Path, password: str) -> Iterator[Postgreses]:
    postgreses = Postgreses(folder, password)
    try:
        postgreses.start()
        yield postgreses
    finally:
        postgreses.stop()
