"""What staff do to the machinery by hand. Each is in the audit log before it happens."""

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

# A drop walks through all of Redis' keys: it stops after a while and says so.
DROP_SECONDS, A_ROUND = 5.0, 1_000


@dataclass(frozen=True)
class Dropped:
    """`is_whole` says that nothing was left over for another time."""

    keys: int
    is_whole: bool


def close_breaker(name: str, by: Actor, reason: str) -> None:
    """Let calls of the service through again, in every process."""
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
    """Forget all that is kept under a name, in bounded time; what is being loaded meanwhile is not kept either.

    Touches no key of any other name: locks, breakers and sessions stay. Raises RedisError where Redis is away.
    """
    redis = get_redis_connection("default")
    redis.ping()
    record(by, DROP_CACHE, Machinery(f"cache {name.name}"))
    give_up_at = time.monotonic() + DROP_SECONDS
    keys = 0
    for pattern in (*name.patterns, f"lease:{name.name}:*"):
        cursor = None
        while cursor != 0:
            if time.monotonic() > give_up_at:
                return Dropped(keys, is_whole=False)
            cursor, some = redis.scan(cursor or 0, match=match_of(pattern), count=A_ROUND)
            keys += _unlink(redis, some)
    return Dropped(keys, is_whole=True)


def _unlink(redis: Any, keys: list[bytes]) -> int:
    return int(redis.unlink(*keys)) if keys else 0
