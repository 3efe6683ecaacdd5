"""How many requests one person may make in a while.

A scope is what a view calls itself in `throttle_scope`, else `reads` or `writes` by method; its rate is
`settings.RATE_LIMITS[scope]`, such as "20/min", or None for no limit. Counted in Redis in fixed windows; where Redis is
away nobody is held up.
"""

from __future__ import annotations

import logging
import math
import re
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"(\d+)/(s|min|h|d)")


def parse_rate(rate: str) -> tuple[int, int]:
    """ "20/min" as (20, 60). Raises ValueError for anything else than a number, a slash and s, min, h or d."""
    found = _RATE.fullmatch(rate)
    if not found:
        raise ValueError(f"{rate!r} is no rate: write it like 20/min.")
    return int(found[1]), _SECONDS[found[2]]


class RateLimit(BaseThrottle):
    """Counts by account where there is one, else by the address that the request came from."""

    seconds_left: int | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = getattr(view, "throttle_scope", "") or ("reads" if request.method in SAFE_METHODS else "writes")
        rate = settings.RATE_LIMITS.get(scope)
        if not rate:
            return True
        most, seconds = parse_rate(rate)
        now = time.time()
        window = int(now // seconds)
        self.seconds_left = math.ceil((window + 1) * seconds - now)
        return _count(f"rate:{scope}:{self._who(request)}:{window}", seconds) <= most

    def wait(self) -> float | None:
        return self.seconds_left

    def _who(self, request: Request) -> str:
        return f"user-{request.user.pk}" if request.user.is_authenticated else f"from-{self.get_ident(request)}"


def _count(key: str, seconds: int) -> int:
    """How often `key` was counted in its window, this time included; 0 where Redis is away. One round trip."""
    name = cache.make_key(key)
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        pipeline.incr(name)
        pipeline.expire(name, seconds)
        return int(pipeline.execute()[0])
    except RedisError as error:
        logger.warning("Redis is away, no request is counted: %s", type(error).__name__)
        return 0
