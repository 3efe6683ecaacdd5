"""A broker that is away costs the shopper nothing."""

import socket
import time
from collections.abc import Iterator

import pytest
from celery import Celery, Task
from django.conf import settings

from config.resilience import task_queue


@pytest.fixture
def no_cooldown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Celery prefers this variable to what an application is told.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    task_queue._cooldown.end()
    yield
    task_queue._cooldown.end()


def task_for(address: str) -> Task:
    # Without fixups: Celery's own for Django makes any new application that of all threads, for ever. Nor is the task
    # for other applications: the shop's would meet it again at each call, and break off its own beginning.
    app = Celery("test", broker=address, set_as_current=False, fixups=[])
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    @app.task(shared=False)
    def work() -> None: ...

    return work


@pytest.mark.usefixtures("no_cooldown")
class TestAway:
    def test_refused(self) -> None:
        began = time.monotonic()
        assert not task_queue.enqueue(task_for("redis://127.0.0.1:1/0"))
        assert time.monotonic() - began < 1

    def test_hanging_costs_one_time_out_and_then_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            task = task_for(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
            began = time.monotonic()
            assert not task_queue.enqueue(task)
            assert time.monotonic() - began < 3
            began = time.monotonic()
            for _ in range(50):
                assert not task_queue.enqueue(task)
            assert time.monotonic() - began < 0.1


@pytest.mark.usefixtures("no_cooldown")
def test_a_broker_that_is_there_takes_it(settings) -> None:
    assert task_queue.enqueue(task_for(settings.CELERY_BROKER_URL))
