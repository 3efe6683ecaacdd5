"""The cart's cached copy in Redis: JSON, expires an hour after its last use, never overwritten by an older version.

`user:{id}:cart` holds a signed-in user's live cart, `cart:{token}` a guest's. Redis may lose a copy at any time: that
is a miss. While Redis is down it also misses invalidations, so a copy written before this process last saw Redis fail
counts as a miss too.
"""

import json
import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from config.cache import count, declare
from config.redis import guard

logger = logging.getLogger(__name__)

declare("cart", patterns=("cart:*", "user:*:cart"))

Copy = dict[str, Any]
# Cart id and version. A user's next cart has a higher id, so it counts as newer.
Stamp = tuple[int, int]

NO_CART: Stamp = (0, 0)
# How long a tombstone keeps a slow reader from writing an older copy back.
FORGOTTEN_SECONDS = 60

# Compare and set atomically, so that a slow writer cannot overwrite a newer version.
_WRITE_FORWARD = """
local kept = redis.call('GET', KEYS[1])
if kept then
    local stamp = cjson.decode(kept).stamp
    local cart, version = tonumber(ARGV[2]), tonumber(ARGV[3])
    if stamp[1] > cart or (stamp[1] == cart and stamp[2] > version) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
return 1
"""


def key_of(token: str, user_id: int | None) -> str:
    """The copy's key: by user if the cart has one, else by token."""
    return f"cart:{token}" if user_id is None else f"user:{user_id}:cart"


def recall(key: str) -> Copy | None:
    """The copy under `key`, its expiry refreshed, or None."""
    try:
        text = get_redis_connection("default").getex(cache.make_key(key), ex=settings.CART_CACHE_SECONDS)
    except RedisError as error:
        logger.warning("Redis is unavailable, reading the cart from the database: %s", type(error).__name__)
        text = None
    copy = json.loads(text) if text else None
    found = copy is not None and not copy.get("forgotten") and copy.get("kept_at", 0) >= guard.last_failure()
    count("cart", "hit" if found else "miss")
    return copy if found else None


def remember(key: str, stamp: Stamp, copy: Copy) -> None:
    """Cache `copy` for CART_CACHE_SECONDS unless a newer one is cached."""
    _write(key, stamp, copy, settings.CART_CACHE_SECONDS)


def forget(key: str, stamp: Stamp) -> None:
    """Drop the copy, leaving a tombstone so that nothing older than `stamp` is cached again."""
    _write(key, stamp, {"forgotten": True}, FORGOTTEN_SECONDS)


def _write(key: str, stamp: Stamp, copy: Copy, seconds: int) -> None:
    text = json.dumps({**copy, "stamp": stamp, "kept_at": time.time()}, default=str)
    try:
        with guard.bypass_cooldown():
            get_redis_connection("default").eval(_WRITE_FORWARD, 1, cache.make_key(key), text, *stamp, seconds)
    except RedisError as error:
        logger.warning("Redis is unavailable, the cart is not cached: %s", type(error).__name__)
