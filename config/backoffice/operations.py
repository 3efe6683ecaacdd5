"""What operators do by hand to caches and breakers. Each action is in the audit log before it happens."""

import time
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_redis import get_redis_connection

from config.audit.events import AuditEvent
from config.audit.services import Actor, record
from config.cache import Name, match_of
from config.models import Machinery
from config.resilience.breakers import breaker

CLOSE_BREAKER = AuditEvent("breaker.close", _("closed by hand"))
DROP_CACHE = AuditEvent("cache.drop", _("dropped from the cache"))

# A drop scans all keys in Redis: it stops after this long and reports that it is incomplete.
DROP_SECONDS, BATCH = 5.0, 1_000


@dataclass(frozen=True)
class Dropped:
    """`is_complete`: no key was left because time ran out."""

    keys: int
    is_complete: bool


def close_breaker(name: str, by: Actor, reason: str) -> None:
    """Let calls to the service through again, in every process."""
    before = breaker(name).state
    record(
        by,
        CLOSE_BREAKER,
        Machinery(f"breaker {name}"),
        reason=reason,
        before={"state": before},
        after={"state": "closed"},
    )
    breaker(name).close(by=str(by), reason=reason)


def drop_from_cache(name: Name, by: Actor) -> Dropped:
    """Drop everything cached under a name, in bounded time; values being loaded meanwhile are not stored either.

    Touches no other keys: locks, breakers and sessions stay. Raises RedisError if Redis is unavailable.
    """
    redis = get_redis_connection("default")
    redis.ping()
    record(by, DROP_CACHE, Machinery(f"cache {name.name}"))
    deadline = time.monotonic() + DROP_SECONDS
    keys = 0
    for pattern in (*name.patterns, f"lease:{name.name}:*"):
        cursor = None
        while cursor != 0:
            if time.monotonic() > deadline:
                return Dropped(keys, is_complete=False)
            cursor, batch = redis.scan(cursor or 0, match=match_of(pattern), count=BATCH)
            keys += _unlink(redis, batch)
    return Dropped(keys, is_complete=True)


def _unlink(redis: Any, keys: list[bytes]) -> int:
    return int(redis.unlink(*keys)) if keys else 0
