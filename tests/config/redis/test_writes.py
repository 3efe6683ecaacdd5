"""Writes whose answers nobody needs: those of a block take one trip, and none of them may stop a sale."""

from typing import Any

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from config.redis import guard, writes
from config.redis.writes import one_trip, write


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counting(redis: AbstractConnection, *given: Any, **more: Any) -> None:
        sent.append(given)
        send(redis, *given, **more)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counting)
    return sent


def put(name: str, value: str) -> None:
    write("SET", cache.make_key(name), value)


def kept(name: str) -> Any:
    return get_redis_connection("default").get(cache.make_key(name))


def test_a_write_is_sent_at_once(trips: list[object]) -> None:
    put("one", "1")
    assert len(trips) == 1
    assert kept("one") == b"1"


def test_those_of_a_block_go_out_together_at_its_end_and_in_order(trips: list[object]) -> None:
    with one_trip():
        put("one", "1")
        with one_trip():
            put("two", "2")
        inner = len(trips)
        put("one", "3")
        put("three", "3")
        assert kept("one") is None
    assert inner == 1
    assert len(trips) == 3
    assert (kept("one"), kept("two"), kept("three")) == (b"3", b"2", b"3")


def test_an_empty_block_takes_no_trip(trips: list[object]) -> None:
    with one_trip():
        pass
    assert trips == []


def test_what_was_written_before_an_error_is_sent() -> None:
    with pytest.raises(ZeroDivisionError), one_trip():
        put("one", "1")
        raise ZeroDivisionError
    assert kept("one") == b"1"


def test_one_that_is_refused_takes_no_other_along(caplog: pytest.LogCaptureFixture) -> None:
    put("text", "1")
    with one_trip():
        put("before", "1")
        write("HSET", cache.make_key("text"), "field", "value")
        put("after", "1")
    assert kept("before") == kept("after") == b"1"
    assert "ResponseError" in caplog.text


def test_without_redis_they_are_lost_and_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RedisConnectionError("down")

    monkeypatch.setattr(writes, "client", fail)
    with one_trip():
        put("one", "1")
        put("two", "2")
    assert "2 writes are lost" in caplog.text


def test_they_are_sent_during_the_cooldown_after_a_failure() -> None:
    parameters = get_redis_connection("default").connection_pool.connection_kwargs
    guard._cooldown.begin((parameters["host"], parameters["port"]))
    put("one", "1")
    with one_trip():
        put("two", "2")
        put("three", "3")
    guard._cooldown.end((parameters["host"], parameters["port"]))
    assert (kept("one"), kept("three")) == (b"1", b"3")
