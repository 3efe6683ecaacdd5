"""After repeated failures the circuit opens for a while; a refusal such as a declined card is not a failure."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection

from config.resilience.breaker_history import KEPT, changes
from config.resilience.breaker_storage import SharedStorage
from config.resilience.breakers import FAILURES_BEFORE_OPENING, OPEN_SECONDS, Breaker, BreakerOpen, ProviderFailure


class Declined(Exception):
    pass


def fail(breaker: Breaker, error: type[Exception] = ProviderFailure) -> None:
    with pytest.raises(error), breaker.calling():
        raise error


def test_it_opens_after_enough_failures_and_says_when_to_retry() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(breaker)
    assert breaker.state == "open"
    with pytest.raises(BreakerOpen) as refusal, breaker.calling():
        pytest.fail("the call must not go through")
    assert 0 < refusal.value.retry_after_seconds <= OPEN_SECONDS


class TestRefusingBeforehand:
    """The check before a call: no need to prepare what would be refused."""

    def test_it_refuses_as_a_call_would(self) -> None:
        breaker = Breaker("test")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breaker)
        with pytest.raises(BreakerOpen) as refusal:
            breaker.ensure_available()
        assert 0 < refusal.value.retry_after_seconds <= OPEN_SECONDS

    def test_it_reads_nothing_while_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SharedStorage, "read", lambda self: pytest.fail("Redis was read"))
        Breaker("test").ensure_available()

    def test_a_probe_is_let_through(self) -> None:
        breaker = Breaker("test")
        with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
            for _ in range(FAILURES_BEFORE_OPENING):
                fail(breaker)
            clock.shift(OPEN_SECONDS + 1)
            breaker.ensure_available()

    def test_a_circuit_closed_by_another_process_does_not_refuse(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(here)
        there.close()
        here.ensure_available()


def test_a_declined_card_is_not_a_failure() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING * 3):
        fail(breaker, Declined)
    assert breaker.state == "closed"


def test_a_success_resets_the_count() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING * 2):
        fail(breaker)
        with breaker.calling():
            pass
    assert breaker.state == "closed"


def test_half_open_one_probe_decides() -> None:
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


def test_a_nested_breakers_refusal_is_passed_on_unchanged() -> None:
    outer, inner = Breaker("outer"), Breaker("inner")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(inner)
    with pytest.raises(BreakerOpen) as refusal, outer.calling(), inner.calling():
        pass
    assert refusal.value.name == "inner"
    assert outer.state == "closed"


class TestShared:
    """Two `Breaker` objects with one name act as two processes: they share only Redis."""

    def test_processes_share_the_state(self) -> None:
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
    outcomes = [caller.stdout.readline().strip() for caller in callers if caller.stdout]
    with pytest.raises(BreakerOpen), here.calling():
        pytest.fail("the probe is another process's")
    for caller in callers:
        caller.communicate("well\n", timeout=20)
    assert sorted(outcomes) == ["probing"] + ["refused"] * 3
    assert here.state == "closed"


class TestHistory:
    def events(self, name: str) -> list[tuple[str, str, str]]:
        return [(change.state, change.cause, change.by) for change in changes(name)]

    def trip(self, *breakers: Breaker) -> None:
        for _ in range(FAILURES_BEFORE_OPENING):
            fail(breakers[0])

    def test_trips_and_recoveries_are_recorded(self) -> None:
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
        assert self.events("shared") == [("closed", "", ""), ("open", "ProviderFailure", "")], (
            "recorded once for all processes"
        )
        assert moments[0] - moments[1] == timedelta(seconds=2 * (OPEN_SECONDS + 1))

    def test_who_closed_it_and_why(self) -> None:
        here, there = Breaker("shared"), Breaker("shared")
        self.trip(here)
        there.close(by="chefe@example.com", reason="the carrier says that it is back")
        assert self.events("shared")[0] == ("closed", "the carrier says that it is back", "chefe@example.com")
        with here.calling():
            pass
        fail(here)
        assert here.state == "closed", "the failure count is reset in every process"

    def test_closing_a_closed_circuit_is_not_recorded(self) -> None:
        Breaker("shared").close(by="chefe@example.com", reason="to be sure")
        assert self.events("shared") == []

    def test_it_is_bounded(self) -> None:
        breaker = Breaker("shared")
        for _ in range(KEPT):
            self.trip(breaker)
            breaker.close()
        assert len(changes("shared")) == KEPT


JUNK = [
    {"state": "ajar"},
    {"state": b"\xff"},
    {"state": "open", "failures": "many"},
    {"state": "open", "opened_at": "nan"},
    {"state": "open", "opened_at": "1e300"},
    {"opened_at": b"\x80\x05."},
]


@pytest.mark.parametrize("fields", JUNK, ids=str)
def test_a_state_that_cannot_be_read_counts_as_lost(fields: dict[str, str | bytes]) -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(breaker)
    redis, key = get_redis_connection("default"), cache.make_key("breaker:test")
    redis.delete(key)
    redis.hset(key, mapping=fields)
    assert breaker.state == "open", "as this process remembers it"
    breaker.close()
    with breaker.calling():
        pass
    assert Breaker("test").state == "closed"


def test_entries_of_the_history_that_cannot_be_read_are_left_out() -> None:
    breaker = Breaker("test")
    for _ in range(FAILURES_BEFORE_OPENING):
        fail(breaker)
    redis, key = get_redis_connection("default"), cache.make_key("breaker:test:history")
    redis.lpush(key, b"\x80\x05.", "[1]", '{"at": "now", "state": "open"}', '{"at": 1e300, "state": "open"}', "{}")
    assert [change.state for change in changes("test")] == ["open"]
