"""ORM-level caching, cache-aside: a read is asked for by name and key and either finds its result in Redis or runs.

Redis is a copy that may vanish at any moment. A look-up that Redis does not answer is a miss, never an error. Keys are
dropped by name after the transaction commits, never by scanning. What decides anything (stock, prices at the moment of
the order) is never read from here.

One idea keeps loads few and values true: whoever loads a key first takes its lease, and a value is kept only while the
lease it was loaded under stands. So a cold key is loaded once (the others wait a moment for it), an ageing one is
refreshed by one caller (the others take the old value), and dropping a key also ends its lease: a slow reader that had
read the row before the change cannot put it back.
"""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from django.core.cache import cache
from django.db import transaction
from django_redis import get_redis_connection
from prometheus_client import Counter
from redis.exceptions import RedisError

from config.redis.guard import bypass_cooldown

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How long somebody may take to load a value that is to be kept.
LEASE_SECONDS = 5.0
# How long others wait for it before they load for themselves.
WAIT_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.03
# A lease outlives its load for a moment, so that who looked just before the value came does not load it once more.
LINGER_SECONDS = 0.5
# Lifetimes differ by up to a tenth, lest all keys of one moment end in one moment; the last fifth of them is "ageing".
JITTER = 0.1
FRESH_PART = 0.8

RESULTS = ("hit", "miss", "stale")
cache_requests = Counter("cache_requests_total", "Look-ups in the cache by name and result.", ["name", "result"])


@dataclass(frozen=True)
class Name:
    """`patterns` find its keys (with the signs of Redis' MATCH); `is_open` says that staff may read its values."""

    name: str
    patterns: tuple[str, ...]
    is_open: bool


_declared: dict[str, Name] = {}

# KEYS: value and lease of each key. ARGV: the token, how long a lease lingers, then value and lifetime of each key.
# An empty value (nothing was found to keep) forgets the old one and gives the lease back.
_KEEP = """
for i = 1, #KEYS, 2 do
    if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
        if ARGV[i + 2] == '' then
            redis.call('DEL', KEYS[i], KEYS[i + 1])
        else
            redis.call('SET', KEYS[i], ARGV[i + 2], 'PX', ARGV[i + 3])
            redis.call('PEXPIRE', KEYS[i + 1], ARGV[2])
        end
    end
end
"""


class UndeclaredName(LookupError):
    """A look-up under a name that was never declared: a mistake in the program."""


def declare(*names: str, is_open: bool = False, patterns: tuple[str, ...] = ()) -> None:
    """Make these names known, once, where the reads are defined. Their counters exist from then on, at zero.

    Open are names whose values hold nothing about persons and no secret. `patterns` are for keys that are not `name:…`.
    """
    for name in names:
        _declared[name] = Name(name, patterns or (f"{name}:*",), is_open)
        for result in RESULTS:
            cache_requests.labels(name, result)


def declared() -> list[Name]:
    """All names, by the alphabet."""
    return sorted(_declared.values(), key=lambda name: name.name)


def match_of(pattern: str) -> str:
    """`pattern` for Redis' MATCH, behind the shop's own prefix, whatever signs that has."""
    prefix = str(cache.make_key(""))
    return "".join(f"\\{sign}" if sign in "*?[]^\\" else sign for sign in prefix) + pattern


def count(name: str, result: str, number: int = 1) -> None:
    """Count look-ups: `hit` was answered from the cache, `stale` with an ageing value, `miss` ran its load.

    Raises UndeclaredName.
    """
    if name not in _declared:
        raise UndeclaredName(name)
    cache_requests.labels(name, result).inc(number)


def cached(name: str, key: str, seconds: float, load: Callable[[], T]) -> T:
    """The value under `name:key`, loaded and kept for at most `seconds` where it is not there.

    Raises UndeclaredName, and whatever `load` raises (nothing is kept then).
    """
    return cached_many(name, [key], seconds, lambda _missing: {key: load()})[key]


def cached_many(
    name: str, keys: Collection[str], seconds: float, load_missing: Callable[[list[str]], dict[str, T]]
) -> dict[str, T]:
    """The values under `name:key` for each key: one round trip for the hits, one `load_missing` for all the misses
    (and one more only for keys that others were loading and did not bring in time).

    Keys that `load_missing` does not return are absent from the answer and are not remembered. Raises UndeclaredName.
    """
    return cached_together(LookUp(name, keys, seconds, load_missing))[0]


def cached_together(*look_ups: "LookUp") -> list[dict[str, Any]]:
    """What `cached_many` answers for each, with one round trip for the hits of all."""
    kept = _read({look_up.name: look_up.keys for look_up in look_ups})
    return [look_up.answer(kept[look_up.name]) for look_up in look_ups]


def recall(name: str, key: str) -> Any:
    """The value under `name:key` if it is there, else None; never loads and never waits. Raises UndeclaredName."""
    kept = _read({name: [key]})[name]
    count(name, "hit" if kept else "miss")
    return kept[key][1] if kept else None


def drop_on_commit(name: str, *keys: str) -> None:
    """Forget `name:key` for each key once the transaction under way has committed (at once where none is open).

    What others are loading at that moment is not kept either, since they may have read the row before the change.
    """
    full_keys = [full for key in keys for full in (f"{name}:{key}", f"lease:{name}:{key}")]

    def drop() -> None:
        with bypass_cooldown():
            cache.delete_many(full_keys)

    transaction.on_commit(drop, robust=True)


class LookUp:
    """What `cached_many` is asked for. `load` runs the caller's query; `token` marks the leases that are ours."""

    def __init__(
        self, name: str, keys: Iterable[str], seconds: float, load: Callable[[list[str]], dict[str, Any]]
    ) -> None:
        self.name, self.seconds, self.load = name, seconds, load
        self.keys = list(dict.fromkeys(keys))

    @cached_property
    def token(self) -> str:
        return uuid4().hex

    def answer(self, kept: dict[str, tuple[float, Any]]) -> dict[str, Any]:
        """The values, given what Redis knew of them; those that it did not know are loaded."""
        now = time.time()
        missing = [key for key in self.keys if key not in kept]
        ageing = [key for key, (fresh_until, _value) in kept.items() if fresh_until <= now]
        values = {key: value for key, (_fresh_until, value) in kept.items()}
        count(self.name, "hit", len(kept) - len(ageing))
        if not missing and not ageing:
            return values
        leased = _take_leases(self.name, missing + ageing, self.token)
        if leased is None:
            return values | self._load(missing)
        count(self.name, "stale", len(set(ageing) - set(leased)))
        fresh = self._load_and_keep(leased)
        values = {key: value for key, value in values.items() if key not in leased} | fresh
        return values | self._wait_for([key for key in missing if key not in leased])

    def _wait_for(self, keys: list[str]) -> dict[str, Any]:
        """The values that others are loading: theirs, or after a while or where they gave up our own."""
        deadline, pause = time.monotonic() + WAIT_SECONDS, FIRST_PAUSE_SECONDS
        values: dict[str, Any] = {}
        while keys:
            arrived = {key: value for key, (_fresh_until, value) in _read({self.name: keys})[self.name].items()}
            count(self.name, "hit", len(arrived))
            values |= arrived
            keys = [key for key in keys if key not in arrived]
            leased = _take_leases(self.name, keys, self.token)
            if leased is None or time.monotonic() > deadline:
                # Not kept: whoever holds the lease does that.
                return values | self._load_and_keep(leased or []) | self._load(sorted(set(keys) - set(leased or [])))
            values |= self._load_and_keep(leased)
            keys = [key for key in keys if key not in leased]
            if keys:
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
        return values

    def _load(self, keys: list[str]) -> dict[str, Any]:
        count(self.name, "miss", len(keys))
        return self.load(keys) if keys else {}

    def _load_and_keep(self, leased: list[str]) -> dict[str, Any]:
        """Load keys whose leases are ours. The leases end here, whatever happens."""
        loaded: dict[str, Any] = {}
        try:
            loaded = self._load(leased)
        finally:
            _keep(self.name, leased, self.token, loaded, self.seconds)
        return loaded


def _read(names: Mapping[str, Iterable[str]]) -> dict[str, dict[str, tuple[float, Any]]]:
    """What is kept of each name's keys: until when it is fresh, and the value. One round trip."""
    full_keys = {f"{name}:{key}": (name, key) for name, keys in names.items() for key in keys}
    found: dict[str, dict[str, tuple[float, Any]]] = {name: {} for name in names}
    for full_key, entry in (cache.get_many(full_keys) or {}).items() if full_keys else ():
        name, key = full_keys[full_key]
        found[name][key] = entry
    return found


def _take_leases(name: str, keys: Collection[str], token: str) -> list[str] | None:
    """Those of the keys that are ours to load; None where Redis is away. One round trip."""
    if not keys:
        return []
    try:
        asked = get_redis_connection("default").pipeline(transaction=False)
        for key in keys:
            asked.set(cache.make_key(f"lease:{name}:{key}"), token, nx=True, px=int(LEASE_SECONDS * 1000))
        return [key for key, taken in zip(keys, asked.execute(), strict=True) if taken]
    except RedisError as error:
        logger.warning("Redis is away, %s is loaded: %s", name, type(error).__name__)
        return None


def _keep(name: str, leased: list[str], token: str, loaded: dict[str, Any], seconds: float) -> None:
    """Keep what was loaded under leases that still stand. One round trip, one step inside Redis."""
    if not leased:
        return
    lifetime = seconds * random.uniform(1 - JITTER, 1)  # noqa: S311  spreads load, guards nothing
    milliseconds = max(1, int(lifetime * 1000))
    keys: list[str] = []
    arguments: list[Any] = [token, min(int(LINGER_SECONDS * 1000), max(1, milliseconds // 10))]
    for key in leased:
        entry = (time.time() + lifetime * FRESH_PART, loaded[key]) if key in loaded else None
        keys += [cache.make_key(f"{name}:{key}"), cache.make_key(f"lease:{name}:{key}")]
        arguments += [cache.client.encode(entry) if entry else "", milliseconds]  # type: ignore[attr-defined]
    try:
        get_redis_connection("default").eval(_KEEP, len(keys), *keys, *arguments)
    except RedisError as error:
        logger.warning("Redis is away, %s is not kept: %s", name, type(error).__name__)
