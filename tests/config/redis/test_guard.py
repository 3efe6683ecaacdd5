"""A Redis that hangs costs one timeout, not one for each lookup."""

import socket
import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection

from config.cache import cached, declare, drop_on_commit
from config.redis import guard


@pytest.fixture
def hanging_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_only_the_first_lookup_waits(settings, hanging_server: str) -> None:
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": hanging_server}}
    began = time.monotonic()
    for number in range(50):
        assert cache.get(f"key-{number}", "nothing") == "nothing"
    assert time.monotonic() - began < 5 * settings.REDIS_TIMEOUT_SECONDS


@pytest.mark.django_db(transaction=True)
def test_deletes_are_sent_during_the_cooldown() -> None:
    """Another process may reconnect first, and must not read what this one has invalidated."""
    declare("tried", of=str)
    cached("tried", "key", 60, lambda: "old")
    pool = get_redis_connection("default").connection_pool
    connection = pool.get_connection()
    pool.release(connection)
    connection._begin_cooldown()
    drop_on_commit("tried", "key")
    guard._cooldown.end(connection._server)
    assert cached("tried", "key", 60, lambda: "new") == "new"


def test_it_is_retried_after_the_cooldown() -> None:
    cache.set("key", "there")
    pool = get_redis_connection("default").connection_pool
    connection = pool.get_connection()
    pool.release(connection)
    connection._begin_cooldown()
    assert cache.get("key") is None
    guard._cooldown.end(connection._server)
    assert cache.get("key") == "there"
