"""Redis behind Sentinel: each new connection asks the sentinels for the master.

`REDIS_SENTINELS` lists them; the host in REDIS_URL is then the master's name in Sentinel. Reads go to the master too: a
replica that lags may not have a lease or lock yet.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

Address = tuple[str, int]


def addresses(listed: Iterable[str]) -> list[Address]:
    """The sentinels, given as `host:port`, as pairs."""
    pairs = (entry.strip().rsplit(":", 1) for entry in listed)
    return [(host, int(port)) for host, port in pairs]


def connection_options(seconds: float) -> dict[str, Any]:
    """Options for connections to a sentinel: one attempt each. redis-py's default would retry a dead one."""
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0)}


def cache_options(sentinels: list[Address], seconds: float) -> dict[str, Any]:
    """Additional OPTIONS of the cache for django-redis."""
    return {
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": sentinels,
        "SENTINEL_KWARGS": connection_options(seconds),
    }


def broker_url(url: str, sentinels: list[Address]) -> str:
    """`redis://:password@master/1` for Celery: a URL per sentinel, with the master's password and database."""
    parts = urlsplit(url)
    secret = parts.netloc.rpartition("@")[0]
    return ";".join(f"sentinel://{secret}@{host}:{port}{parts.path}" for host, port in sentinels)


def broker_options(redis_url: str, seconds: float) -> dict[str, Any]:
    """Additional transport options for Celery."""
    return {"master_name": urlsplit(redis_url).hostname, "sentinel_kwargs": connection_options(seconds)}
