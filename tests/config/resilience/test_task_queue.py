"""A broker outage does not slow the shopper down."""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, Task
from django.conf import settings
from django_redis import get_redis_connection

from config.resilience import task_queue


@pytest.fixture
def no_cooldown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Celery prefers this variable to an application's own configuration.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    task_queue._cooldown.end()
    yield
    task_queue._cooldown.end()


def task_for(address: str) -> Task:
    # No fixups: Celery's Django fixup makes a new application the default of all threads, permanently. The task is not
    # shared either: the shop's application would find it again at each call and abort its own initialisation.
    app = Celery("test", broker=address, set_as_current=False, fixups=[])
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    @app.task(shared=False)
    def work() -> None: ...

    return work


def connections_to(server: socket.socket) -> int:
    """How many have been made since it was last asked."""
    number = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            number += 1
    return number


@pytest.mark.usefixtures("no_cooldown")
class TestBrokerDown:
    def test_refused(self) -> None:
        began = time.monotonic()
        assert not task_queue.enqueue(task_for("redis://127.0.0.1:1/0"))
        assert time.monotonic() - began < 1

    def test_hanging_costs_one_timeout_and_then_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            task = task_for(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
            began = time.monotonic()
            assert not task_queue.enqueue(task)
            assert time.monotonic() - began < 3
            server.setblocking(False)
            assert connections_to(server) > 0
            for _ in range(50):
                assert not task_queue.enqueue(task)
            assert connections_to(server) == 0


@pytest.mark.usefixtures("no_cooldown")
def test_an_available_broker_takes_the_task(settings) -> None:
    assert task_queue.enqueue(task_for(settings.CELERY_BROKER_URL))


class TestNudge:
    @pytest.fixture
    def task(self, no_cooldown: None) -> Task:
        return task_for(settings.CELERY_BROKER_URL)

    @pytest.fixture
    def runs(self, task: Task, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """The options of each enqueued run."""
        enqueued: list[dict[str, Any]] = []
        monkeypatch.setattr(task, "apply_async", lambda **options: enqueued.append(options))
        return enqueued

    @pytest.mark.parametrize("gather_seconds", [0.0, 1.5])
    def test_a_burst_is_one_run(self, task: Task, runs: list[dict[str, Any]], gather_seconds: float) -> None:
        assert [task_queue.nudge(task, gather_seconds=gather_seconds) for _ in range(5)] == [True] * 5
        assert runs == [{"retry": False, "countdown": gather_seconds}]

    def test_what_comes_once_it_has_begun_gets_another(self, task: Task, runs: list[dict[str, Any]]) -> None:
        for _ in range(3):
            task_queue.nudge(task)
            task_queue.nudge(task)
            task_queue.begin(task)
        assert len(runs) == 3

    @pytest.mark.parametrize("gather_seconds", [0.0, 60.0])
    def test_a_run_that_was_lost_holds_others_up_for_about_a_second(
        self, task: Task, runs: list[dict[str, Any]], gather_seconds: float
    ) -> None:
        """Counted from when it should have begun."""
        task_queue.nudge(task, gather_seconds=gather_seconds)
        [mark] = get_redis_connection("default").keys(f"*nudged:{task.name}")
        assert gather_seconds < get_redis_connection("default").pttl(mark) / 1000 <= gather_seconds + 1.5

    def test_without_redis_each_gets_its_own(self, task: Task, runs: list[dict[str, Any]], settings) -> None:
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
        assert [task_queue.nudge(task) for _ in range(3)] == [True] * 3
        task_queue.begin(task)
        assert len(runs) == 3

    def test_the_broker_takes_it(self, task: Task) -> None:
        assert task_queue.nudge(task)
