"""Scraping a worker in its own container: the metrics of its pool's processes, protected by the token."""

import contextlib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings

from config.celery import app as celery_app
from config.devstack import ports
from tests.support import processes
from tests.support.ending import end
from tests.support.orders import eventually
from tests.support.sandbox import Sandbox
from tests.support.web import TOKEN

RUNS = 'celery_task_duration_seconds_count{outcome="ok",task="checkout.tasks.settle_webhook_events"}'


def scrape(port: int, token: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"})
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()
    return ""


@pytest.mark.django_db(transaction=True)
def test_a_worker_exposes_its_pools_metrics(tmp_path: Path, sandbox: Sandbox) -> None:
    broker = urlunsplit(urlsplit(settings.CELERY_BROKER_URL)._replace(path="/12"))
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
    port = ports.choose()
    environment = processes.environment(
        sandbox, 1, CELERY_BROKER_URL=broker, METRICS_TOKEN=TOKEN, WORKER_METRICS_PORT=str(port),
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"),
    )  # fmt: skip
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "config", "worker", "--concurrency", "2"],
            cwd=processes.REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        with celery_app.connection_for_write(broker) as connection:
            for _ in range(6):
                celery_app.send_task("checkout.tasks.settle_webhook_events", connection=connection)
        eventually(lambda: f"{RUNS} 6.0" in scrape(port, TOKEN), seconds=40)
        assert "outbox_oldest_seconds" not in scrape(port, TOKEN)
        assert scrape(port, "wrong") == ""
    finally:
        end(worker)
