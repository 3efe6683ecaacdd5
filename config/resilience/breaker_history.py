"""When each circuit opened and closed, and why: the last 50 changes per breaker, kept in Redis for 30 days.

In Redis because the state is there too, and because a failing service must not cost a write to the database. If Redis
loses it, only history is lost; closing a circuit by hand is also in the audit log.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

KEPT = 50
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Change:
    """`state` is the new state, open or closed. `cause` is the failure that tripped the breaker, or the reason that
    `by` gave for closing it by hand."""

    at: float
    state: str
    cause: str = ""
    by: str = ""

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


def record(name: str, state: str, *, cause: str = "", by: str = "") -> None:
    """Record that the breaker `name` is now in `state`. Does nothing if Redis is down."""
    change = json.dumps(asdict(Change(time.time(), state, cause[:200], by)))
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        pipeline.lpush(_key(name), change)
        pipeline.ltrim(_key(name), 0, KEPT - 1)
        pipeline.expire(_key(name), KEPT_FOR)
        pipeline.execute()
    except RedisError:
        return


def changes(name: str) -> list[Change]:
    """The last changes that are readable, newest first. Raises RedisError."""
    kept: list[bytes] = get_redis_connection("default").lrange(_key(name), 0, KEPT - 1)
    return [change for change in map(_parse, kept) if change]


def _parse(text: bytes) -> Change | None:
    try:
        change = Change(**json.loads(text))
        return change if isinstance(change.at, int | float) and change.moment else None
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        return None


def _key(name: str) -> str:
    return str(cache.make_key(f"breaker:{name}:history"))
