"""A service that fails is left alone for a while; an answer that we do not like is not a failure."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache

from config.resilience.breaker_history import KEPT, changes
from config.resilience.breaker_storage import SharedStorage
from config.resilience.breakers import FAILURES_BEFORE_OPENING, OPEN_SECONDS, Breaker, BreakerOpen, ProviderFailure


class Declined(Exception):
    pass


def fail(breaker: Breaker, error: type[Exception] = ProviderFailure) -> None:
    with pytest.raises(error), breaker.calling():
        raise error


def test_it_opens_after_enough_failures_and_says_when_to_come_back() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(breaker)
    assert breaker.state == "open"
    with pytest.raises(BreakerOpen) as refusal, breaker.calling():
        pytest.fail("the call must not go through")
    assert 0 < refusal.value.retry_after_seconds <= OPEN_SECONDS


class TestRefusingBeforehand:
    """What would be refused need not be prepared."""

    def test_it_refuses_as_a_call_would(self) -> None:
        breaker = Breaker("test")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breaker)
        with pytest.raises(BreakerOpen) as refusal:
            breaker.ensure_available()
        assert 0 < refusal.value.retry_after_seconds <= OPEN_SECONDS

    def test_it_reads_nothing_while_nothing_is_known_to_be_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SharedStorage, "read", lambda self: pytest.fail("Redis was asked"))
        Breaker("test").ensure_available()

    def test_whoever_may_probe_is_let_through(self) -> None:
        breaker = Breaker("test")
        with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
            for _ in range(FAILURES_BEFORE_OPENING):
                fail(breaker)
            clock.shift(OPEN_SECONDS + 1)
            breaker.ensure_available()

    def test_what_another_process_has_closed_is_not_refused(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(here)
        there.close()
        here.ensure_available()


def test_a_declined_card_is_no_failure() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING * 3):
        fail(breaker, Declined)
    assert breaker.state == "closed"


def test_a_success_in_between_begins_the_count_anew() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING * 2):
        fail(breaker)
        with breaker.calling():
            pass
    assert breaker.state == "closed"


def test_after_its_time_one_call_decides() -> None:
    breaker = Breaker("test")
    with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breaker)
        clock.shift(OPEN_SECONDS + 1)
        fail(breaker)
        assert breaker.state == "open"
        clock.shift(OPEN_SECONDS + 1)
        with breaker.calling():
            pass
        assert breaker.state == "closed"


def test_a_refusal_of_another_breaker_inside_is_passed_on_as_it_is() -> None:
    outer, inner = Breaker("outer"), Breaker("inner")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(inner)
    with pytest.raises(BreakerOpen) as refusal, outer.calling(), inner.calling():
        pass
    assert refusal.value.name == "inner"
    assert outer.state == "closed"


class TestShared:
    """Two `Breaker` objects of one name stand for two processes: they share nothing but Redis."""

    def test_what_one_process_learns_the_others_know(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        for number in range(FAILURES_BEFORE_OPENING):
            fail(here if number % 2 else there)
        for each in (here, there, Breaker("shared")):
            with pytest.raises(BreakerOpen), each.calling():
                pytest.fail("the call must not go through")

    def test_services_do_not_share(self) -> None:
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(Breaker("one"))
        with Breaker("other").calling():
            pass

    def test_one_probe_at_a_time(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
            for _ in range(FAILURES_BEFORE_OPENING):
                fail(here)
            clock.shift(OPEN_SECONDS + 1)
            with here.calling():
                for each in (here, there):
                    with pytest.raises(BreakerOpen), each.calling():
                        pytest.fail("a second probe")
            with there.calling():
                pass

    def test_a_flushed_redis_does_not_close_it(self) -> None:
        breaker = Breaker("shared")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breaker)
        cache.delete_pattern("*")
        with pytest.raises(BreakerOpen), breaker.calling():
            pytest.fail("the call must not go through")
        with pytest.raises(BreakerOpen), Breaker("shared").calling():
            pytest.fail("and the others learn it again")

    def test_without_redis_each_process_decides_for_itself(self, settings) -> None:
        settings.CACHES = {
            **settings.CACHES,
            "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"},
        }
        breaker = Breaker("alone")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breaker)
        with pytest.raises(BreakerOpen), breaker.calling():
            pytest.fail("the call must not go through")


def test_of_several_processes_one_probes() -> None:
    here = Breaker("probed")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(here)
    here._storage.opened_at = datetime.now(UTC) - timedelta(seconds=OPEN_SECONDS + 1)
    prefix = settings.CACHES["default"]["KEY_PREFIX"]
    callers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.config.resilience.breaker_worker", "probed"],
            env={**os.environ, "CACHE_KEY_PREFIX": prefix, "DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    told = [caller.stdout.readline().strip() for caller in callers if caller.stdout]
    with pytest.raises(BreakerOpen), here.calling():
        pytest.fail("the probe is another process's")
    for caller in callers:
        caller.communicate("well\n", timeout=20)
    assert sorted(told) == ["probing"] + ["refused"] * 3
    assert here.state == "closed"


class TestHistory:
    def told(self, name: str) -> list[tuple[str, str, str]]:
        return [(change.state, change.cause, change.by) for change in changes(name)]

    def trip(self, *breakers: Breaker) -> None:
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breakers[0])

    def test_what_tripped_it_and_that_it_came_back(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
            self.trip(here)
            with pytest.raises(BreakerOpen), there.calling():
                pass
            clock.shift(OPEN_SECONDS + 1)
            fail(there)
            clock.shift(OPEN_SECONDS + 1)
            with here.calling():
                pass
            moments = [change.moment for change in changes("shared")]
        assert self.told("shared") == [("closed", "", ""), ("open", "ProviderFailure", "")], "once, whoever notices"
        assert moments[0] - moments[1] == timedelta(seconds=2 * (OPEN_SECONDS + 1))

    def test_who_closed_it_and_why(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        self.trip(here)
        there.close(by="chefe@example.com", reason="the carrier says that it is back")
        assert self.told("shared")[0] == ("closed", "the carrier says that it is back", "chefe@example.com")
        with here.calling():
            pass
        fail(here)
        assert here.state == "closed", "the failures from before are forgotten, in every process"

    def test_closing_what_is_closed_is_no_news(self) -> None:
        Breaker("shared").close(by="chefe@example.com", reason="to be sure")
        assert self.told("shared") == []

    def test_it_is_bounded(self) -> None:
        breaker = Breaker("shared")
        for _ in range(KEPT):
            self.trip(breaker)
            breaker.close()
        assert len(changes("shared")) == KEPT
