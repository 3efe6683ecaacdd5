"""Cache-aside: hit or loaded once, dropped on commit, never refilled by a slow reader, no error without Redis."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.conf import settings as project_settings
from django.core.cache import cache
from django.db import transaction
from django_redis import get_redis_connection

from config import cache as module
from config.cache import UndeclaredName, cache_requests, cached, cached_many, count, declare, drop_on_commit, recall

declare("thing", of=str | int | None)

Load = Callable[[], object]


def requests(result: str) -> float:
    return cache_requests.labels("thing", result)._value.get()


def load(value: object, calls: list[object]) -> Load:
    def run() -> object:
        calls.append(value)
        return value

    return run


@pytest.fixture
def counted() -> Callable[[], dict[str, float]]:
    """Lookups counted since the test began, by result."""
    before = {result: requests(result) for result in ("hit", "miss", "stale")}
    return lambda: {result: requests(result) - number for result, number in before.items()}


def test_a_second_lookup_is_a_hit_and_both_are_counted(counted) -> None:
    calls: list[object] = []
    assert cached("thing", "a", 60, load("first", calls)) == "first"
    assert cached("thing", "a", 60, load("second", calls)) == "first"
    assert calls == ["first"]
    assert counted() == {"hit": 1, "miss": 1, "stale": 0}


def test_none_is_cached_like_any_value() -> None:
    calls: list[object] = []
    for _ in range(2):
        assert cached("thing", "none", 60, load(None, calls)) is None
    assert calls == [None]


def test_only_missing_keys_are_loaded() -> None:
    loaded: list[list[str]] = []

    def load_missing(keys: list[str]) -> dict[str, str]:
        loaded.append(sorted(keys))
        return {key: key.upper() for key in keys if key != "unknown"}

    assert cached_many("thing", ["a", "b"], 60, load_missing) == {"a": "A", "b": "B"}
    assert cached_many("thing", ["b", "c", "unknown"], 60, load_missing) == {"b": "B", "c": "C"}
    assert cached_many("thing", [], 60, load_missing) == {}
    assert loaded == [["a", "b"], ["c", "unknown"]]


def test_a_failed_load_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError):
        cached("thing", "a", 60, lambda: 1 // 0)
    assert cached("thing", "a", 60, lambda: "value") == "value"


def test_recalling_never_loads() -> None:
    assert recall("thing", "a") is None
    cached("thing", "a", 60, lambda: "value")
    assert recall("thing", "a") == "value"


def test_an_undeclared_name_is_an_error() -> None:
    for look_up in (
        lambda: cached("thingy", "a", 60, int),
        lambda: cached_many("thingy", ["a"], 60, lambda keys: {}),
        lambda: recall("thingy", "a"),
        lambda: count("thingy", "hit"),
    ):
        with pytest.raises(UndeclaredName):
            look_up()


def test_lifetimes_are_jittered_and_never_longer_than_requested() -> None:
    for number in range(30):
        cached("thing", str(number), 1000, lambda: "value")
    lifetimes = [cache.ttl(f"thing:{number}") for number in range(30)]  # type: ignore[attr-defined]
    assert len(set(lifetimes)) > 5
    assert 890 <= min(lifetimes) <= max(lifetimes) <= 1000


@pytest.mark.django_db(transaction=True)
class TestDropping:
    def test_a_value_is_dropped_when_the_transaction_commits(self) -> None:
        calls: list[object] = []
        cached("thing", "a", 60, load("old", calls))
        with transaction.atomic():
            drop_on_commit("thing", "a")
            assert cached("thing", "a", 60, load("new", calls)) == "old"
        assert cached("thing", "a", 60, load("new", calls)) == "new"

    def test_it_stays_if_the_transaction_rolls_back(self) -> None:
        calls: list[object] = []
        cached("thing", "a", 60, load("old", calls))
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            drop_on_commit("thing", "a")
            raise ZeroDivisionError
        assert cached("thing", "a", 60, load("new", calls)) == "old"

    def test_whatever_fails_after_the_commit_is_only_logged(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken() -> None:
            raise NotImplementedError("on purpose")

        monkeypatch.setattr("config.redis.writes.client", broken)
        with transaction.atomic():
            drop_on_commit("thing", "a")
        assert "on purpose" in caplog.text

    @pytest.mark.parametrize("was_there", [False, True], ids=["cold", "ageing"])
    def test_a_slow_reader_does_not_put_the_old_row_back(self, was_there: bool) -> None:
        if was_there:
            _store_stale_value()

        def slow() -> str:
            read = "old"
            drop_on_commit("thing", "a")  # the change commits between this reader's read and its write
            return read

        assert cached("thing", "a", 60, slow) == "old"
        assert recall("thing", "a") is None
        assert cached("thing", "a", 60, lambda: "new") == "new"
        assert recall("thing", "a") == "new"

    def test_nor_if_a_faster_reader_has_stored_the_new_one(self) -> None:
        def slow() -> str:
            drop_on_commit("thing", "a")
            assert cached("thing", "a", 60, lambda: "new") == "new"
            return "old"

        cached("thing", "a", 60, slow)
        assert recall("thing", "a") == "new"


class Slow:
    """A slow load that counts its runs."""

    def __init__(self, seconds: float = 0.1, value: object = "value") -> None:
        self.calls, self.seconds, self.value, self.lock = 0, seconds, value, threading.Lock()

    def __call__(self) -> object:
        with self.lock:
            self.calls += 1
        time.sleep(self.seconds)
        return self.value


def at_once(number: int, ask: Callable[[], object]) -> list[object]:
    together = threading.Barrier(number)

    def run(_number: int) -> object:
        together.wait()
        return ask()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


class TestSingleFlight:
    def test_twenty_threads_on_a_cold_key_load_it_once(self, counted) -> None:
        slow = Slow()
        assert at_once(20, lambda: cached("thing", "a", 60, slow)) == ["value"] * 20
        assert slow.calls == 1
        assert counted() == {"hit": 19, "miss": 1, "stale": 0}

    def test_control_without_leases_they_load_it_twenty_times(self, monkeypatch) -> None:
        monkeypatch.setattr(module.entries, "take_leases", lambda name, keys, token: None)
        slow = Slow()
        at_once(20, lambda: cached("thing", "a", 60, slow))
        assert slow.calls == 20

    def test_a_value_that_arrives_between_two_looks_is_not_foreign(self, monkeypatch) -> None:
        """A key that exists without our field is another release's; unless the field came a moment ago."""
        redis = get_redis_connection("default")
        look, looks = redis.hget, []

        def hget(key: str, field: str) -> bytes | None:
            looks.append(key)
            if len(looks) == 1:
                cached("thing", "a", 60, lambda: "stored meanwhile")
                return None
            return look(key, field)

        monkeypatch.setattr(type(redis), "hget", lambda _self, key, field: hget(key, field))
        assert cached("thing", "a", 60, lambda: "loaded again") == "stored meanwhile"

    def test_processes_too(self) -> None:
        prefix = project_settings.CACHES["default"]["KEY_PREFIX"]
        begin_at = time.time() + 3
        asking = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.config.cache_worker", "a", str(begin_at)],
                env={**os.environ, "CACHE_KEY_PREFIX": prefix, "DJANGO_SETTINGS_MODULE": "config.settings"},
                cwd=project_settings.BASE_DIR,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        printed = sorted(process.communicate(timeout=60)[0].strip() for process in asking)
        assert printed == ["value 0", "value 0", "value 0", "value 1"]

    def test_each_of_many_keys_is_loaded_once(self) -> None:
        loaded: list[str] = []

        def load_missing(keys: list[str]) -> dict[str, str]:
            loaded.extend(keys)
            time.sleep(0.05)
            return {key: key.upper() for key in keys}

        shelves = [["a", "b", "c"], ["b", "c", "d"], ["c", "d", "e"]]
        baskets = iter(shelves * 3)
        for answer in at_once(9, lambda: cached_many("thing", next(baskets), 60, load_missing)):
            assert all(value == key.upper() for key, value in answer.items())
            assert len(answer) == 3
        assert sorted(loaded) == ["a", "b", "c", "d", "e"]

    def test_waiting_for_a_dead_loader_is_bounded(self) -> None:
        cache.set("lease:thing:a", "of somebody who died", 60)
        begun = time.monotonic()
        assert cached("thing", "a", 60, lambda: "value") == "value"
        assert module.WAIT_SECONDS <= time.monotonic() - begun < 10 * module.WAIT_SECONDS
        assert recall("thing", "a") is None

    def test_if_the_first_load_fails_the_next_takes_over(self) -> None:
        first = threading.Event()

        def load_in_vain() -> object:
            first.set()
            time.sleep(0.1)
            raise ZeroDivisionError

        def fail() -> None:
            with pytest.raises(ZeroDivisionError):
                cached("thing", "a", 60, load_in_vain)

        with ThreadPoolExecutor(1) as pool:
            failing = pool.submit(fail)
            assert first.wait(5)
            assert cached("thing", "a", 60, lambda: "value") == "value"
            failing.result()
        assert recall("thing", "a") == "value"


def _store_stale_value() -> None:
    """A value as if cached 50 minutes ago: past its soft lifetime, still in Redis."""
    with time_machine.travel(time.time() - 50 * 60, tick=True):
        cached("thing", "a", 60 * 60, lambda: "old")
    cache.delete("lease:thing:a")  # it would have expired long ago


class TestEarlyRefresh:
    def test_one_caller_refreshes_a_hot_key_and_the_others_get_the_stale_value(self, counted) -> None:
        _store_stale_value()
        slow = Slow(0.3, "new")
        answers = at_once(10, lambda: cached("thing", "a", 60 * 60, slow))
        assert sorted(answers) == ["new", *["old"] * 9]  # type: ignore[type-var]
        assert slow.calls == 1
        assert counted() == {"hit": 0, "miss": 2, "stale": 9}
        assert cached("thing", "a", 60 * 60, slow) == "new"

    def test_a_deleted_row_is_not_served_stale(self) -> None:
        _store_stale_value()
        assert cached_many("thing", ["a"], 60, lambda keys: {}) == {}
        assert recall("thing", "a") is None


def test_without_redis_everything_is_loaded_at_once(settings) -> None:
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}
    calls: list[object] = []
    begun = time.monotonic()
    assert cached("thing", "a", 60, load(1, calls)) == 1
    assert cached("thing", "a", 60, load(2, calls)) == 2
    assert cached_many("thing", ["a"], 60, lambda keys: dict.fromkeys(keys, 3)) == {"a": 3}
    assert recall("thing", "a") is None
    assert time.monotonic() - begun < 1
