"""Valkey as in production: a master, a replica, and three sentinels."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from redis.sentinel import MasterNotFoundError, Sentinel

from config.devstack import ports
from config.devstack.data import DataFolder, write_private
from config.devstack.server import EmbeddedServer
from config.devstack.valkey import Valkey, binary
from config.redis.sentinel import broker_url, connection_options
from tests.cluster.configuration import filled_in
from tests.support.waiting import eventually

NAME = "esteira"


class Node(Valkey):
    """A Valkey server of the cluster; a replica of `master`, if given."""

    def __init__(self, data: DataFolder, password: str, master: "Node | None" = None) -> None:
        super().__init__(data)
        self._password, self._master = password, master

    @property
    def password(self) -> str:
        return self._password

    def configuration(self) -> str:
        lines = [f"masterauth {self.password}", "repl-diskless-sync-delay 0"]
        if self._master is not None:
            lines.append(f"replicaof {ports.HOST} {self._master.port}")
        return super().configuration() + "\n".join([*lines, ""])

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url(0), decode_responses=True)


class Watcher(EmbeddedServer):
    """A sentinel."""

    name = "sentinel"

    def __init__(self, data: DataFolder, master: Node) -> None:
        super().__init__(data)
        self._master = master

    @property
    def address(self) -> tuple[str, int]:
        return ports.HOST, self.port

    @property
    def _file(self) -> Path:
        return self.data.root / "sentinel.conf"

    def prepare(self) -> None:
        text = filled_in(
            "sentinel.conf",
            PORT=self.address[1], FOLDER=self.data.root, VALKEY_PASSWORD=self._master.password,
            MASTER_HOST=ports.HOST, MASTER_PORT=self._master.port,
        )  # fmt: skip
        write_private(self._file, text)

    def command(self) -> list[str]:
        return [str(binary()), str(self._file), "--sentinel", "--loglevel", "notice"]

    def answers(self) -> bool:
        try:
            with redis.Redis(*self.address, **connection_options(1)) as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False


class Valkeys:
    """Two Valkeys under three sentinels, with data folders in `folder`."""

    def __init__(self, folder: Path, password: str) -> None:
        self._stack = contextlib.ExitStack()
        self._folder = folder
        first = Node(self._new("valkey-1", "valkey"), password)
        self.nodes = [first, Node(self._new("valkey-2", "valkey"), password, master=first)]
        self.watchers = [Watcher(self._new(f"sentinel-{number}", "sentinel"), first) for number in (1, 2, 3)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def variables(self) -> dict[str, str]:
        """How the shop finds the master."""
        secret = self.nodes[0].password
        return {
            "REDIS_SENTINELS": ",".join(f"{host}:{port}" for host, port in self.sentinels),
            "REDIS_URL": f"redis://:{secret}@{NAME}/0",
            "CELERY_BROKER_URL": broker_url(f"redis://:{secret}@{NAME}/1", self.sentinels),
        }

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        return [watcher.address for watcher in self.watchers]

    def start(self) -> None:
        """Start all of them. Returns when the replica is in sync and the sentinels know each other."""
        for node in self.nodes:
            self._processes[node.port] = self._run(node)
        eventually(lambda: self._follows(self.nodes[1]), 30)
        for watcher in self.watchers:
            self._run(watcher)
        eventually(self._know_each_other, 30)

    def stop(self) -> None:
        self._stack.close()

    @property
    def master(self) -> Node:
        """The master according to the sentinels. Raises MasterNotFoundError while they do not agree."""
        _host, port = Sentinel(self.sentinels, sentinel_kwargs=connection_options(1)).discover_master(NAME)
        return next(node for node in self.nodes if node.port == port)

    def kill_master(self) -> None:
        """kill -9, without notice to the sentinels."""
        process = self._processes[self.master.port]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def has_master(self) -> bool:
        """Whether the sentinels name a master that is alive and accepts writes."""
        with contextlib.suppress(MasterNotFoundError, redis.exceptions.ConnectionError):
            return self._replication(self.master)["role"] == "master"
        return False

    def start_again(self) -> None:
        """Restart the killed one, which the sentinels make a replica. Returns when it is in sync."""
        dead = next(node for node in self.nodes if self._processes[node.port].poll() is not None)
        self._processes[dead.port] = self._run(dead)
        eventually(lambda: self._follows(dead), 60)

    def _follows(self, node: Node) -> bool:
        # It closes connections while it loads the master's data.
        with contextlib.suppress(redis.exceptions.ConnectionError):
            return self._replication(node).get("master_link_status") == "up"
        return False

    def _replication(self, node: Node) -> dict[str, Any]:
        with node.client() as client:
            return dict(client.info("replication"))

    def _know_each_other(self) -> bool:
        for address in self.sentinels:
            with redis.Redis(*address, **connection_options(1)) as client:
                state = client.sentinel_master(NAME)
            if state["num-other-sentinels"] < 2 or state["num-slaves"] < 1:
                return False
        return True

    def _new(self, name: str, server: str) -> DataFolder:
        data = DataFolder(self._folder / name)
        data.create()
        data.free_port(server)
        return data

    def _run(self, server: EmbeddedServer) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((server.data.root / "log").open("ab"))
        return self._stack.enter_context(server.running(log=log))


@contextlib.contextmanager
def running(folder: Path, password: str) -> Iterator[Valkeys]:
    valkeys = Valkeys(folder, password)
    try:
        valkeys.start()
        yield valkeys
    finally:
        valkeys.stop()
