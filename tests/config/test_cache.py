"""Cache-aside: found or loaded, dropped on commit, and never an error when Redis is away."""

import pytest
from django.db import transaction

from config.cache import cache_requests, cached, cached_many, drop_on_commit


def requests(result: str) -> float:
    return cache_requests.labels("thing", result)._value.get()


def load(value: object, calls: list[object]):
    def run() -> object:
        calls.append(value)
        return value

    return run


def test_a_second_look_up_is_a_hit_and_both_are_counted() -> None:
    hits, misses, calls = requests("hit"), requests("miss"), []
    assert cached("thing", "a", 60, load("first", calls)) == "first"
    assert cached("thing", "a", 60, load("second", calls)) == "first"
    assert calls == ["first"]
    assert (requests("hit") - hits, requests("miss") - misses) == (1, 1)


def test_none_is_a_value_like_any_other() -> None:
    calls: list[object] = []
    for _ in range(2):
        assert cached("thing", "none", 60, load(None, calls)) is None
    assert calls == [None]


def test_only_what_is_missing_is_loaded() -> None:
    asked: list[list[str]] = []

    def load_missing(keys: list[str]) -> dict[str, str]:
        asked.append(sorted(keys))
        return {key: key.upper() for key in keys if key != "unknown"}

    assert cached_many("thing", ["a", "b"], 60, load_missing) == {"a": "A", "b": "B"}
    assert cached_many("thing", ["b", "c", "unknown"], 60, load_missing) == {"b": "B", "c": "C"}
    assert cached_many("thing", [], 60, load_missing) == {}
    assert asked == [["a", "b"], ["c", "unknown"]]


@pytest.mark.django_db(transaction=True)
class TestDropping:
    def test_a_value_is_dropped_when_the_transaction_commits(self) -> None:
        calls: list[object] = []
        cached("thing", "a", 60, load("old", calls))
        with transaction.atomic():
            drop_on_commit("thing", "a")
            assert cached("thing", "a", 60, load("new", calls)) == "old"
        assert cached("thing", "a", 60, load("new", calls)) == "new"

    def test_it_stays_where_the_transaction_rolls_back(self) -> None:
        calls: list[object] = []
        cached("thing", "a", 60, load("old", calls))
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            drop_on_commit("thing", "a")
            raise ZeroDivisionError
        assert cached("thing", "a", 60, load("new", calls)) == "old"


def test_without_redis_everything_is_a_miss(settings) -> None:
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}
    calls: list[object] = []
    assert cached("thing", "a", 60, load(1, calls)) == 1
    assert cached("thing", "a", 60, load(2, calls)) == 2
    assert cached_many("thing", ["a"], 60, lambda keys: dict.fromkeys(keys, 3)) == {"a": 3}
