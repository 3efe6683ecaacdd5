"""The cart's copy in Redis: JSON, kept for an hour after its last use, written only forward.

`user:{id}:cart` holds the live cart of somebody signed in, `cart:{token}` a guest's. Redis may lose any of them at any
moment; every function here then answers as if the copy had never been there. While it is away it also misses changes: a
copy that was kept before this process saw Redis fail is not believed.
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
# Which cart, and which of its versions. A user's next cart has a higher number, so that it counts as newer.
Stamp = tuple[int, int]

NO_CART: Stamp = (0, 0)
# How long a forgotten cart's mark stands, to stop a slow reader from putting an older copy back.
FORGOTTEN_SECONDS = 60

# A slower writer must not overwrite a newer version: the comparison and the write are one step inside Redis.
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
    """The key of the copy: by user where the cart has one."""
    return f"cart:{token}" if user_id is None else f"user:{user_id}:cart"


def recall(key: str) -> Copy | None:
    """The copy under `key`, its hour begun anew, or None."""
    try:
        text = get_redis_connection("default").getex(cache.make_key(key), ex=settings.CART_CACHE_SECONDS)
    except RedisError as error:
        logger.warning("Redis is away, the cart is read from the database: %s", type(error).__name__)
        text = None
    copy = json.loads(text) if text else None
    found = copy is not None and not copy.get("forgotten") and copy.get("kept_at", 0) >= guard.last_failure()
    count("cart", "hit" if found else "miss")
    return copy if found else None


def remember(key: str, stamp: Stamp, copy: Copy) -> None:
    """Keep `copy` for an hour unless a newer one is there."""
    _write(key, stamp, copy, settings.CART_CACHE_SECONDS)


def forget(key: str, stamp: Stamp) -> None:
    """Drop the copy: what was read before `stamp` does not come back."""
    _write(key, stamp, {"forgotten": True}, FORGOTTEN_SECONDS)


def _write(key: str, stamp: Stamp, copy: Copy, seconds: int) -> None:
    text = json.dumps({**copy, "stamp": stamp, "kept_at": time.time()}, default=str)
    try:
        with guard.bypass_cooldown():
            get_redis_connection("default").eval(_WRITE_FORWARD, 1, cache.make_key(key), text, *stamp, seconds)
    except RedisError as error:
        logger.warning("Redis is away, the cart's copy is not kept: %s", type(error).__name__)
