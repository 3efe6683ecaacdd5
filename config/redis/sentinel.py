"""Redis behind Sentinel: with each new connection the sentinels are asked who the master is.

`REDIS_SENTINELS` names them; the host in REDIS_URL is then the name by which they know the master.
Everything is read from the master too: to a replica that lags behind, a lease or a lock is not there yet.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

Address = tuple[str, int]


def addresses(listed: Iterable[str]) -> list[Address]:
    """`host:port` of each sentinel, as pairs."""
    pairs = (entry.strip().rsplit(":", 1) for entry in listed)
    return [(host, int(port)) for host, port in pairs]


def patience(seconds: float) -> dict[str, Any]:
    """How a sentinel is asked: once, and then the next one. redis-py by itself would ask a dead one again and again."""
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0)}


def cache_options(sentinels: list[Address], seconds: float) -> dict[str, Any]:
    """What the cache's OPTIONS need besides, in django-redis' words."""
    return {
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": sentinels,
        "SENTINEL_KWARGS": patience(seconds),
    }


def broker_url(url: str, sentinels: list[Address]) -> str:
    """`redis://:password@master/1` in Celery's words: each sentinel, with the master's password and the database."""
    parts = urlsplit(url)
    secret = parts.netloc.rpartition("@")[0]
    return ";".join(f"sentinel://{secret}@{host}:{port}{parts.path}" for host, port in sentinels)


def broker_options(redis_url: str, seconds: float) -> dict[str, Any]:
    """What Celery's transport needs besides."""
    return {"master_name": urlsplit(redis_url).hostname, "sentinel_kwargs": patience(seconds)}
