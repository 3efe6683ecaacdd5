"""The cart's cached copy in Redis: JSON, expires an hour after its last use, never overwritten by an older version.

`user:{id}:cart` holds a signed-in user's live cart, `cart:{token}` a guest's. Redis may lose a copy at any time, or
hold something that is none: that is a miss. While Redis is down it also misses invalidations, so a copy written before
this process last saw Redis fail counts as a miss too.
"""

import json
import logging
import time
from typing import Any, NotRequired, Required, TypedDict

from django.conf import settings
from redis.exceptions import RedisError

from config.cache import count, declare
from config.redis import guard, writes
from config.redis.client import client, full_key
from config.redis.values import Format

logger = logging.getLogger(__name__)

declare("cart", patterns=("cart:*", "user:*:cart"))

Copy = dict[str, Any]


class _Shipping(TypedDict):
    code: str
    name: str
    price: str
    min_days: int
    max_days: int
    expires_at: str


class _Cart(TypedDict):
    """`lines` are pairs of product id and quantity."""

    id: str
    version: int
    currency: str
    status: str
    user_id: int | None
    lines: list[tuple[int, int]]
    email: str
    tax_id: str  # masked; a copy of an older release lacks it, and is a miss
    phone: str
    address: dict[str, str] | None
    postal_code: str
    shipping: _Shipping | None
    expires_at: str
    cards_closed_until: NotRequired[str | None]  # not in the copies of older releases
    kept_at: float


class _NoCart(TypedDict, total=False):
    """A user without a live cart, or a tombstone (`forgotten`)."""

    kept_at: Required[float]
    forgotten: bool
    id: None  # never written: what has one is the copy of a cart


_CART, _NO_CART = Format(_Cart), Format(_NoCart)

# Cart id and version. A user's next cart has a higher id, so it counts as newer.
Stamp = tuple[int, int]

NO_CART: Stamp = (0, 0)
# How long a tombstone keeps a slow reader from writing an older copy back.
FORGOTTEN_SECONDS = 60

# Compare and set atomically, so that a slow writer cannot overwrite a newer version.
_WRITE_FORWARD = """
local kept = redis.call('GET', KEYS[1])
if kept then
    -- What is no copy has no stamp, and is replaced.
    local cart, version = tonumber(ARGV[2]), tonumber(ARGV[3])
    local is_copy, is_newer = pcall(function()
        local stamp = cjson.decode(kept).stamp
        return stamp[1] > cart or (stamp[1] == cart and stamp[2] > version)
    end)
    if is_copy and is_newer then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
return 1
"""


def key_of(token: str, user_id: int | None) -> str:
    """The copy's key: by user if the cart has one, else by token."""
    return f"cart:{token}" if user_id is None else f"user:{user_id}:cart"


def recall(key: str) -> Copy | None:
    """The copy under `key`, its expiry refreshed, or None on a miss."""
    try:
        text = client().getex(full_key(key), ex=settings.CART_CACHE_SECONDS)
    except RedisError as error:
        logger.warning("Redis is unavailable, reading the cart from the database: %s", type(error).__name__)
        text = None
    copy = (_CART.read(text) or _NO_CART.read(text)) if text else None
    found = copy is not None and not copy.get("forgotten") and copy["kept_at"] >= guard.last_failure()
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
    writes.write("EVAL", _WRITE_FORWARD, 1, full_key(key), text, *stamp, seconds)
