"""When a breaker opened and closed, and who or what did it: the last 50 changes of each, kept in Redis for 30 days.

In Redis because the state is there too, and because a service that fails must not cost a write to the database. What
Redis loses is history, not state; closing one by hand is also in the audit log.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

KEPT = 50
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Change:
    """`state` is what the breaker became: open or closed. `cause` is the failure that tripped it, or the reason that
    `by` gave for closing it by hand."""

    at: float
    state: str
    cause: str = ""
    by: str = ""

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


def record(name: str, state: str, *, cause: str = "", by: str = "") -> None:
    """Note that the breaker `name` became `state`, now. Lost where Redis is away."""
    change = json.dumps(asdict(Change(time.time(), state, cause[:200], by)))
    try:
        asked = get_redis_connection("default").pipeline(transaction=False)
        asked.lpush(_key(name), change)
        asked.ltrim(_key(name), 0, KEPT - 1)
        asked.expire(_key(name), KEPT_FOR)
        asked.execute()
    except RedisError:
        return


def changes(name: str) -> list[Change]:
    """The last changes, newest first. Raises RedisError."""
    kept: list[Any] = get_redis_connection("default").lrange(_key(name), 0, KEPT - 1)
    return [Change(**json.loads(change)) for change in kept]


def _key(name: str) -> str:
    return str(cache.make_key(f"breaker:{name}:history"))
