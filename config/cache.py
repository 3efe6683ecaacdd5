"""ORM-level caching, cache-aside: a read is asked for by name and key and either finds its result in Redis or runs.

Redis is a copy that may vanish at any moment. A look-up that Redis does not answer is a miss, never an error. Keys are
dropped by name after the transaction commits, never by scanning. What decides anything (stock, prices at the moment of
the order) is never read from here.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from django.core.cache import cache
from django.db import transaction
from prometheus_client import Counter

T = TypeVar("T")

_MISSING = object()

cache_requests = Counter("cache_requests_total", "Look-ups in the cache by name and result.", ["name", "result"])


def cached(name: str, key: str, seconds: int, load: Callable[[], T]) -> T:
    """The value under `name:key`, loaded and kept for `seconds` where it is not there."""
    found = cache.get(f"{name}:{key}", _MISSING)
    if found is not _MISSING:
        cache_requests.labels(name, "hit").inc()
        return found  # type: ignore[no-any-return]
    cache_requests.labels(name, "miss").inc()
    value = load()
    cache.set(f"{name}:{key}", value, seconds)
    return value


def cached_many(
    name: str, keys: Collection[str], seconds: int, load_missing: Callable[[list[str]], dict[str, T]]
) -> dict[str, T]:
    """The values under `name:key` for each key: one round trip for the hits, one `load_missing` for all the misses.

    Keys that `load_missing` does not return are absent from the answer and are not remembered.
    """
    found: dict[str, T] = _get_many(name, keys)
    missing = [key for key in keys if key not in found]
    cache_requests.labels(name, "hit").inc(len(found))
    if missing:
        cache_requests.labels(name, "miss").inc(len(missing))
        loaded = load_missing(missing)
        cache.set_many({f"{name}:{key}": value for key, value in loaded.items()}, seconds)
        found |= loaded
    return found


def _get_many(name: str, keys: Collection[str]) -> dict[str, T]:
    full_keys = {f"{name}:{key}": key for key in keys}
    answer = cache.get_many(full_keys) if full_keys else {}
    return {full_keys[full_key]: value for full_key, value in (answer or {}).items()}


def drop_on_commit(name: str, *keys: str) -> None:
    """Forget `name:key` for each key once the transaction under way has committed (at once where none is open)."""
    full_keys = [f"{name}:{key}" for key in keys]

    def drop() -> None:
        cache.delete_many(full_keys)

    transaction.on_commit(drop, robust=True)
