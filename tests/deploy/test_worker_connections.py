"""A worker reuses its database connections across tasks."""

from pathlib import Path

import psycopg
import pytest
import redis

from tests.deploy.test_graceful_stop import own_broker, send_task
from tests.support import image
from tests.support.processes import database_url
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

TASKS = 6
# Tells the worker's connections from others of this database, such as autovacuum's, which come and go.
NAME = "worker-under-test"


def test_a_worker_reuses_its_connections_across_tasks(tmp_path: Path) -> None:
    broker, log = own_broker(), tmp_path / "worker.log"

    def done() -> int:
        return log.read_text().count("succeeded")

    def run_tasks() -> set[int]:
        """The PIDs of the server processes that serve the worker, after some tasks have run."""
        before = done()
        for _ in range(TASKS):
            send_task(broker, "checkout.tasks.relay_outbox")
        eventually(lambda: done() == before + TASKS, seconds=60)
        rows = watcher.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [NAME])
        return {row[0] for row in rows}

    with (
        redis.Redis.from_url(broker) as queue,
        psycopg.connect(database_url(), autocommit=True) as watcher,
    ):
        queue.flushdb()
        variables = image.environment(CELERY_BROKER_URL=broker, PGAPPNAME=NAME)
        with image.running(image.service_command("worker"), variables, log):
            connections = run_tasks()
            assert connections
            assert connections <= run_tasks()
        queue.flushdb()
