"""The broker's master dies while a worker runs a task: the worker lives, and the task's message is not lost."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.sentinel import MasterNotFoundError

from config.resilience.gauges import QUEUE
from tests.cluster import valkeys
from tests.cluster.valkeys import Valkeys
from tests.support.ending import end
from tests.support.image import REPOSITORY, environment
from tests.support.waiting import eventually


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Valkeys]:
    with valkeys.running(tmp_path, "between-these-servers-alone") as running:
        yield running


class Worker:
    """A worker of `tests.cluster.long_task`, and the sender of its tasks."""

    def __init__(self, folder: Path, servers: Valkeys) -> None:
        self._folder, self._servers = folder, servers
        self._environment = environment(
            **servers.variables, DJANGO_SETTINGS_MODULE="config.settings", LOG_LEVEL="WARNING", PYTHONUNBUFFERED="1"
        )
        self.log = folder / "worker.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-W", "ignore", "-m", "celery", "-A", "tests.cluster.long_task", "worker",
                    "--concurrency", "2", "--loglevel", "WARNING", "--without-mingle",
                ],
                cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def send(self, name: str) -> None:
        program = (
            "import django; django.setup(); from tests.cluster.long_task import run;"
            f"run.delay({str(self._folder)!r}, {name!r})"
        )
        command = [sys.executable, "-W", "ignore", "-c", program]
        subprocess.run(command, cwd=REPOSITORY, env=self._environment, check=True, timeout=60)

    def has(self, name: str, event: str) -> bool:
        path = self._folder / name
        return path.exists() and event in path.read_text().split()

    def finish(self) -> None:
        (self._folder / "end").touch()


@pytest.fixture
def worker(servers: Valkeys, tmp_path: Path, db: None) -> Iterator[Worker]:
    started = Worker(tmp_path, servers)
    yield started
    end(started.process)


def _messages(servers: Valkeys) -> int:
    """How many messages the broker has, waiting or unacknowledged."""
    try:
        with redis.Redis.from_url(servers.master.url(1)) as broker:
            return broker.llen(QUEUE) + broker.hlen("unacked")
    except (MasterNotFoundError, redis.exceptions.ConnectionError):
        return -1


@pytest.mark.parametrize("ends", ["while there is no master", "after the failover"])
def test_a_worker_outlives_the_master_while_it_runs_a_task(servers: Valkeys, worker: Worker, ends: str) -> None:
    worker.send("first")
    eventually(lambda: worker.has("first", "begun"), 60)
    servers.kill_master()
    if ends == "while there is no master":
        worker.finish()
        eventually(lambda: worker.has("first", "done"))
    eventually(servers.has_master, 30)
    worker.finish()
    worker.send("second")
    eventually(lambda: worker.has("second", "done"), 60)
    assert worker.has("first", "done")
    # Nothing is left in the broker: acknowledged, if need be after a second run.
    eventually(lambda: _messages(servers) == 0, 60)
    assert worker.lives, worker.log.read_text()
