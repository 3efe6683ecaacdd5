"""What is in Redis: a bounded scan of its keys, grouped by name, and the details of a single key.

Read-only. Of personal data (carts, accounts) and secrets (sessions, cart tokens) only the structure is shown, and only
the start of the key. Raises RedisError if Redis is unavailable.
"""

import json
import pprint
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django_redis import get_redis_connection

from config.cache import Name, declared, match_of
from config.redis.entries import MARK

# Bounds on a scan, however full Redis is.
MAX_KEYS, BATCH, MAX_ROUNDS = 2_000, 500, 40
SAMPLES, KEY_PREFIX_LENGTH, MAX_VALUE_LENGTH = 5, 4, 4_000

# Keys that are not cache entries, by prefix: these cannot be dropped.
_NOT_CACHE = {
    "lease:": "leases",
    "breaker:": "breakers",
    "checkout:": "locks",
    "nudged:": "nudges",
    "rate:": "rate limits",
    "django.contrib.sessions.": "sessions",
}


@dataclass(frozen=True)
class Key:
    """`shown` is safe to display, `handle` identifies the key in URLs. `ttl_ms` is None if it does not expire."""

    shown: str
    handle: str
    size: int
    ttl_ms: int | None


@dataclass
class Group:
    """The scanned keys of one cache name; `name` is None for keys that are not cache entries."""

    title: str
    name: Name | None = None
    count: int = 0
    size: int = 0
    shortest: int | None = None
    longest: int | None = None
    samples: list[Key] = field(default_factory=list)

    def add(self, key: Key) -> None:
        self.count += 1
        self.size += key.size
        if key.ttl_ms is not None:
            self.shortest = min(key.ttl_ms, self.shortest if self.shortest is not None else key.ttl_ms)
            self.longest = max(key.ttl_ms, self.longest or 0)
        if len(self.samples) < SAMPLES:
            self.samples.append(key)


@dataclass(frozen=True)
class Survey:
    """`is_complete`: all of the shop's keys were scanned. `server` is from Redis' INFO."""

    groups: list[Group]
    scanned: int
    is_complete: bool
    server: dict[str, Any]


@dataclass(frozen=True)
class KeyDetails:
    """One key with its contents: `value` if it may be displayed, else `shape`."""

    key: Key
    group: str
    kind: str
    value: str
    shape: str


def survey() -> Survey:
    """At most MAX_KEYS keys, and all declared names, including those without keys."""
    redis = get_redis_connection("default")
    keys, is_complete = _scan(redis)
    groups = {name.name: Group(name.name, name) for name in declared()}
    for key, size, ttl_ms in _with_size_and_ttl(redis, keys):
        name = name_of(key)
        title = name.name if name else _kind_of(key)
        groups.setdefault(title, Group(title)).add(_shown(key, name, size, ttl_ms))
    return Survey(list(groups.values()), len(keys), is_complete, _server(redis))


def inspect_handle(handle: str) -> KeyDetails | None:
    """The key that `handle` identifies, if a scan still finds it."""
    redis = get_redis_connection("default")
    key = next((key for key in _scan(redis)[0] if handle_of(key) == handle), None)
    return inspect_key(key) if key is not None else None


def inspect_key(key: str) -> KeyDetails | None:
    """One key, named without the shop's prefix; None if it does not exist."""
    redis = get_redis_connection("default")
    full = str(cache.make_key(key))
    kind = redis.type(full).decode()
    if kind == "none":
        return None
    ((_key, size, ttl_ms),) = _with_size_and_ttl(redis, [key])
    name = name_of(key)
    value = _read(redis, full, kind) if name else None
    return KeyDetails(
        key=_shown(key, name, size, ttl_ms),
        group=name.name if name else _kind_of(key),
        kind=kind,
        value=pprint.pformat(value, width=100)[:MAX_VALUE_LENGTH] if name and name.is_open else "",
        shape=shape_of(value) if name and not name.is_open else "",
    )


def name_of(key: str) -> Name | None:
    """The declared name that a key belongs to."""
    return next((name for name in declared() if any(fnmatchcase(key, pattern) for pattern in name.patterns)), None)


def handle_of(key: str) -> str:
    """Identifies a key in URLs, where the key itself might open a cart."""
    return salted_hmac("config.cache_survey", key).hexdigest()[:20]


def shape_of(value: object, depth: int = 3) -> str:
    """A value's structure, without its contents."""
    if isinstance(value, dict):
        fields = (f"{name}: {shape_of(inner, depth - 1)}" for name, inner in value.items() if isinstance(name, str))
        return "{" + ", ".join(fields) + "}" if depth else f"{{{len(value)}}}"
    if isinstance(value, list | tuple):
        return f"{len(value)} × {shape_of(value[0], depth - 1)}" if value and depth else f"{len(value)} ×"
    if isinstance(value, str | bytes):
        return f"{type(value).__name__}({len(value)})"
    return type(value).__name__


def _kind_of(key: str) -> str:
    return next((kind for beginning, kind in _NOT_CACHE.items() if key.startswith(beginning)), "others")


def _shown(key: str, name: Name | None, size: int, ttl_ms: int | None) -> Key:
    if name and name.is_open:
        return Key(key, handle_of(key), size, ttl_ms)
    beginning = name.name if name else _kind_of(key)
    rest = key.removeprefix(f"{beginning}:") if name else ""
    return Key(f"{beginning}:{rest[:KEY_PREFIX_LENGTH]}…", handle_of(key), size, ttl_ms)


def _scan(redis: Any) -> tuple[list[str], bool]:
    """Keys without the shop's prefix, and whether these are all."""
    prefix = str(cache.make_key(""))
    cursor, found = 0, []
    for _ in range(MAX_ROUNDS):
        cursor, batch = redis.scan(cursor, match=match_of("*"), count=BATCH)
        found += [key.decode(errors="replace").removeprefix(prefix) for key in batch]
        if not cursor or len(found) >= MAX_KEYS:
            break
    unique = list(dict.fromkeys(found))
    return unique[:MAX_KEYS], not cursor and len(unique) <= MAX_KEYS


def _with_size_and_ttl(redis: Any, keys: list[str]) -> Iterator[tuple[str, int, int | None]]:
    """Each key that still exists, with its size in bytes and its TTL in milliseconds."""
    for first in range(0, len(keys), BATCH):
        batch = keys[first : first + BATCH]
        pipeline = redis.pipeline(transaction=False)
        for key in batch:
            pipeline.memory_usage(str(cache.make_key(key)))
            pipeline.pttl(str(cache.make_key(key)))
        answers = iter(pipeline.execute())
        for key, size, ttl_ms in zip(batch, answers, answers, strict=True):
            if size is not None:
                yield key, size, ttl_ms if ttl_ms >= 0 else None


def _read(redis: Any, full: str, kind: str) -> object:
    """A declared name's value: JSON, or a hash of entries by edition. What is not JSON is not read."""
    kept: dict[bytes, bytes | None] = {}
    if kind == "hash":
        kept = redis.hgetall(full)
    elif kind == "string":
        kept = {b"": redis.get(full)}
    try:
        values = [json.loads(text) for field, text in kept.items() if text is not None and field != MARK]
    except ValueError:
        return None
    if kind == "hash":
        values = [entry[-1] if isinstance(entry, list) and entry else entry for entry in values]
    return values[0] if len(values) == 1 else values


def _server(redis: Any) -> dict[str, Any]:
    info = redis.info()
    wanted: Iterable[str] = (
        "used_memory", "maxmemory", "maxmemory_policy", "evicted_keys", "expired_keys", "connected_clients",
        "uptime_in_seconds",
    )  # fmt: skip
    return {name: info.get(name) for name in wanted} | {"keys": redis.dbsize()}
