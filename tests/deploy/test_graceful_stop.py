"""Graceful stop: the image's commands finish their work in flight after SIGTERM."""

import json
import os
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.conf import settings

from cart import services as carts
from checkout.models import OutboxMessage
from config.celery import app as celery_app
from config.devstack import ports
from tests.support import image
from tests.support.factories.inventory import ProductFactory
from tests.support.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)

# As many as two processes of four threads can handle at once.
IN_FLIGHT = 8


def add_to_cart(port: int, cart: str, answers: list[int]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/carts/{cart}/lines/",
        data=json.dumps({"sku": "SKU-stop", "quantity": 1}).encode(),
        headers={"Content-Type": "application/json", "X-Forwarded-Proto": "https"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answers.append(answer.status)


def wait_until_blocked(connection: "psycopg.Connection[tuple[int]]", wanted: int) -> None:
    for _try in range(400):
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
        if row and row[0] >= wanted:
            return
        time.sleep(0.05)
    raise AssertionError(f"Fewer than {wanted} statements wait for the lock.")


def test_web_answers_what_is_in_flight(tmp_path: Path) -> None:
    ProductFactory(sku="SKU-stop", stock=100)
    tokens = [carts.create_cart().id for _n in range(IN_FLIGHT)]
    port, answers = ports.choose(), list[int]()
    log = tmp_path / "web.log"
    with (
        image.running(image.web_command(port), image.environment(), log) as web,
        psycopg.connect(database_url()) as holder,
        psycopg.connect(database_url(), autocommit=True) as watcher,
    ):
        image.wait_for_port(port, web)
        holder.execute("SELECT 1 FROM cart_cart FOR UPDATE")
        shoppers = [threading.Thread(target=add_to_cart, args=(port, token, answers)) for token in tokens]
        for shopper in shoppers:
            shopper.start()
        # Some are queued behind busy threads; at least two a process are at the database.
        wait_until_blocked(watcher, 4)
        web.terminate()
        time.sleep(1)
        assert answers == []
        assert web.poll() is None, "It did not wait for its requests."
        holder.rollback()
        for shopper in shoppers:
            shopper.join()
        assert web.wait(30) == 0, log.read_text()
    assert answers == [201] * IN_FLIGHT, log.read_text()


def test_worker_finishes_its_task(tmp_path: Path) -> None:
    broker = own_broker()
    mail = tmp_path / "mail"
    mail.mkdir()
    log = tmp_path / "worker.log"
    variables = image.environment(CELERY_BROKER_URL=broker, EMAIL_URL=f"filemail:///{mail}", DATABASE_POOL_SIZE="0")
    with (
        redis.Redis.from_url(broker) as queue,
        image.running(image.service_command("worker"), variables, log) as worker,
        psycopg.connect(database_url()) as holder,
        psycopg.connect(database_url(), autocommit=True) as watcher,
    ):
        queue.flushdb()
        holder.execute(f"LOCK TABLE {OutboxMessage._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        send_task(broker, "checkout.tasks.relay_outbox")
        wait_until_blocked(watcher, 1)
        worker.terminate()
        time.sleep(1)
        assert worker.poll() is None, "It did not wait for its task."
        assert queue.hlen("unacked") == 1
        holder.rollback()
        assert worker.wait(30) == 0, log.read_text()
        assert "checkout.tasks.relay_outbox" in log.read_text()
        assert "succeeded" in log.read_text()
        assert (queue.hlen("unacked"), queue.llen("celery")) == (0, 0)
        queue.flushdb()


def own_broker() -> str:
    """The URL of a Redis database used by this pytest worker only, apart from the shop's."""
    database = 8 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 7
    return urlunsplit(urlsplit(settings.CELERY_BROKER_URL)._replace(path=f"/{database}"))


def send_task(broker: str, name: str) -> None:
    # By explicit URL: a CELERY_BROKER_URL in this process's environment would win over the app's configuration.
    with celery_app.connection_for_write(broker) as connection:
        celery_app.send_task(name, connection=connection)
