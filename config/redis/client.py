"""The shop's client of Redis, and the names of its keys, looked up once a process.

django-redis and Django look both up at each call: through a handler of caches that is local to the thread, and that
costs a fifth of a trip. The client is safe to share, and so are the connections behind it.
"""

from functools import cache
from typing import Any

from django.core.cache import cache as django_cache
from django.core.signals import setting_changed
from django_redis import get_redis_connection


@cache
def client() -> Any:
    return get_redis_connection("default")


def full_key(name: str) -> str:
    """The key that `name` has in Redis, as Django's cache names it."""
    return _prefix() + name


@cache
def _prefix() -> str:
    return str(django_cache.make_key(""))


def _look_again(*, setting: str, **_: object) -> None:
    if setting == "CACHES":
        client.cache_clear()
        _prefix.cache_clear()


setting_changed.connect(_look_again, dispatch_uid="config.redis.client")
