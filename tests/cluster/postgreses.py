"""PostgreSQL as it stands in production: a primary, and a standby for which each commit waits."""

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
    """A PostgreSQL with the others' password. One that is a copy of another finds its files made already."""

    def __init__(self, data: DataFolder, password: str, *, is_copy: bool) -> None:
        super().__init__(data)
        self._password, self._is_copy = password, is_copy

    @property
    def password(self) -> str:
        return self._password

    @property
    def address(self) -> str:
        """Without a password, and of the database that is always there: what operators' scripts are given."""
        return f"postgres://{DATABASE}@{ports.HOST}:{self.port}/postgres"

    def answers(self) -> bool:
        """Whether it can be asked. Only where it is no copy the shop's database may have to be made."""
        if not self._is_copy:
            return super().answers()
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, statement: str) -> Any:
        """The first value of the first row. Raises psycopg.OperationalError where it is away."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    def make_folder(self) -> None:
        """An empty one for its files, of the user who will run it."""
        self.cluster.mkdir(mode=0o700)
        if user := server_user():
            os.chown(self.cluster, user.pw_uid, user.pw_gid)


class Postgreses:
    """A primary and its standby, in folders below `folder`."""

    def __init__(self, folder: Path, password: str) -> None:
        self._stack = contextlib.ExitStack()
        self._folder, self._password, self._made = folder, password, 0
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.primary = self._new(is_copy=False)
        self.standby: Node

    def start(self) -> None:
        """Both; from here on a commit waits for the standby."""
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
        """As when its machine loses its power."""
        self._kill(self.primary)

    def kill_standby(self) -> None:
        """Likewise. Commits wait for it from now on."""
        self._kill(self.standby)

    def go_on_alone(self) -> None:
        """What an operator may decide: commits wait for no standby any more."""
        self.primary.ask("ALTER SYSTEM RESET synchronous_standby_names")
        self.primary.ask("SELECT pg_reload_conf()")

    def was_promoted(self) -> None:
        """The standby has become the primary; there is no standby any more."""
        self.primary = self.standby

    def _new(self, *, is_copy: bool) -> Node:
        self._made += 1
        data = DataFolder(self._folder / f"postgres-{self._made}")
        data.create()
        data.free_port("postgres")
        return Node(data, self._password, is_copy=is_copy)

    def _kill(self, node: Node) -> None:
        """kill -9 of all of it at once."""
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
    """A PATH on which psql and pg_isready are."""
    return os.pathsep.join([str(binary("psql").parent), os.environ.get("PATH", os.defpath)])


@contextlib.contextmanager
def running(folder: Path, password: str) -> Iterator[Postgreses]:
    postgreses = Postgreses(folder, password)
    try:
        postgreses.start()
        yield postgreses
    finally:
        postgreses.stop()
