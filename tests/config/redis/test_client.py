"""The client and the keys are those of django-redis, also after the settings have changed."""

from typing import Any

from django.core.cache import cache
from django_redis import get_redis_connection

from config.redis.client import client, full_key


def test_it_is_what_djangos_cache_uses(settings: Any) -> None:
    for changed in ({}, {"KEY_PREFIX": "another"}):
        settings.CACHES = {"default": {**settings.CACHES["default"], **changed}}
        cache.set("name", 5)
        assert client().get(full_key("name")) == b"5"
        assert full_key("name") == cache.make_key("name")
        assert client().connection_pool is get_redis_connection("default").connection_pool
        cache.delete("name")


def test_it_is_looked_up_once() -> None:
    assert client() is client()
