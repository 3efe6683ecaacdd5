"""PgBouncer in transaction mode in front of primary and standby, and the operator's promotion step."""

import os
import shutil
import subprocess

import psycopg

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.server import EmbeddedServer
from config.devstack.server_user import as_server_user, server_user
from tests.cluster.configuration import GIVEN, filled_in
from tests.cluster.postgreses import DATABASE, Postgreses, programs


class PgBouncer(EmbeddedServer):
    """Debian's PgBouncer. `url` leads to the primary, `standby_url` to the standby, which may lag."""

    name = "pgbouncer"

    def __init__(self, data: DataFolder, postgreses: Postgreses) -> None:
        super().__init__(data)
        self._postgreses = postgreses
        data.create()
        data.free_port(self.name)

    @property
    def password(self) -> str:
        return self._postgreses.primary.password

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    @property
    def standby_url(self) -> str:
        return self._url(f"{DATABASE}_standby")

    def prepare(self) -> None:
        settings = filled_in("pgbouncer.ini", FOLDER=self.data.root, HOST=ports.HOST, PORT=self.port)
        self._write("pgbouncer.ini", settings)
        self._write("users.txt", f'"esteira" "{self.password}"\n')
        self._write_databases()

    def look_again(self) -> None:
        """Reload the addresses of primary and standby, as after a new standby has joined."""
        self._write_databases()
        with psycopg.connect(self._url("pgbouncer"), autocommit=True) as console:
            console.execute("RELOAD")

    def _write_databases(self) -> None:
        primary, standby = self._postgreses.primary, self._postgreses.standby
        text = filled_in(
            "databases.ini",
            PRIMARY_HOST=ports.HOST, PRIMARY_PORT=primary.port, STANDBY_HOST=ports.HOST, STANDBY_PORT=standby.port,
        )  # fmt: skip
        self._write("databases.ini", text)

    def command(self) -> list[str]:
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        file = self.data.root / "pgbouncer.ini"
        return [*as_server_user(self.stop_signal, file), program, str(file)]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def promote_standby(self) -> str:
        """Run deploy/cluster/promote; returns its output. Fails if it refuses."""
        primary, standby = self._postgreses.primary, self._postgreses.standby
        done = subprocess.run(
            [GIVEN / "promote"],
            env={
                **os.environ,
                "PATH": programs(),
                "PGPASSWORD": self.password,
                "PRIMARY": primary.address,
                "STANDBY": standby.address,
                "PGBOUNCER": f"postgres://esteira@{ports.HOST}:{self.port}/pgbouncer",
                "DATABASES": str(self.data.root / "databases.ini"),
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self._postgreses.was_promoted()
        return done.stdout.strip()

    def _url(self, database: str) -> str:
        return f"postgres://esteira:{self.password}@{ports.HOST}:{self.port}/{database}"

    def _write(self, name: str, text: str) -> None:
        file = self.data.root / name
        file.write_text(text)
        file.chmod(0o600)
        if user := server_user():
            os.chown(file, user.pw_uid, user.pw_gid)
