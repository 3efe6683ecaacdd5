"""PostgreSQL as it stands in production: a primary, and a standby for which each commit waits."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.embedded import ports
from config.embedded.data import DataFolder
from config.embedded.postgres import Postgres, binary
from tests.waiting import eventually

DATABASE = "esteira"


class Node(Postgres):
    """A PostgreSQL with the others' password. Made new, or as a copy of `primary`, which it follows from then on."""

    def __init__(self, data: DataFolder, password: str, primary: "Node | None" = None) -> None:
        super().__init__(data)
        self._password, self._primary = password, primary

    @property
    def password(self) -> str:
        return self._password

    @property
    def port(self) -> int:
        return self.data.port(self.name)

    def prepare(self) -> None:
        if self._primary is not None and not self.cluster.exists():
            self._copy(self._primary)
        super().prepare()

    def answers(self) -> bool:
        """Whether it can be asked. Only a primary is one where the shop's database may have to be made."""
        if self._primary is None:
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

    def _copy(self, primary: "Node") -> None:
        self.cluster.mkdir(mode=0o700)
        if os.geteuid() == 0:
            owner = primary.cluster.stat()
            os.chown(self.cluster, owner.st_uid, owner.st_gid)
        source = f"{primary.url}?application_name=standby"
        backup = [str(binary("pg_basebackup")), "-D", str(self.cluster), "-R", "-c", "fast", "-d", source]
        subprocess.run([*self.as_its_user(), *backup], cwd=self.data.root, check=True)


class Postgreses:
    """A primary and its standby, in folders below `folder`."""

    def __init__(self, folder: Path, password: str) -> None:
        self._stack = contextlib.ExitStack()
        self._folder, self._password, self._made = folder, password, 0
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.primary = self._new(None)
        self.standby: Node

    def start(self) -> None:
        """Both; from here on a commit waits for the standby."""
        self.add_standby()

    def stop(self) -> None:
        self._stack.close()

    def add_standby(self) -> None:
        """As deploy/cluster/rejoin does: copy, follow, then have commits wait for it."""
        self.standby = self._new(self.primary)
        following = (
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'standby' AND state = 'streaming'"
        )
        eventually(lambda: self.primary.ask(following) == 1, 30)
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.ask("SELECT pg_reload_conf()")
        eventually(lambda: self.primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync", 10)

    def kill_primary(self) -> None:
        """kill -9 of all of it at once, as when the machine loses its power."""
        process = self._processes[self.primary.port]
        tree = psutil.Process(process.pid)
        for each in [tree, *tree.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def was_promoted(self) -> None:
        """The standby has become the primary; there is no standby any more."""
        self.primary = self.standby

    def _new(self, primary: Node | None) -> Node:
        self._made += 1
        data = DataFolder(self._folder / f"postgres-{self._made}")
        data.create()
        data.free_port("postgres")
        node = Node(data, self._password, primary)
        log = self._stack.enter_context((data.root / "log").open("ab"))
        self._processes[node.port] = self._stack.enter_context(node.running(log=log))
        return node


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


HOST = ports.HOST
