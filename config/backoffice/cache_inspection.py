"""What lies in Redis: a bounded look at its keys, by name, and a look into one of them.

Nothing here writes. What is about persons (carts, accounts) or opens doors (sessions, a cart's token) is shown by its
shape alone, and its key only by its beginning. Raises RedisError where Redis is away.
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

# However full it is, no more is looked through than this.
KEYS_AT_MOST, A_ROUND, ROUNDS_AT_MOST = 2_000, 500, 40
SAMPLES, KEY_SHOWN, VALUE_SHOWN = 5, 4, 4_000

# What is no cache, by the beginning of its keys: nobody drops these.
_OTHERS = {
    "lease:": "leases",
    "breaker:": "breakers",
    "checkout:": "locks",
    "rate:": "rate limits",
    "django.contrib.sessions.": "sessions",
}


@dataclass(frozen=True)
class Key:
    """`shown` may be read by staff, `handle` stands for the key in an address. `ms_left` is None for what stays."""

    shown: str
    handle: str
    size: int
    ms_left: int | None


@dataclass
class Group:
    """The keys of one name, as far as they were looked at; `name` is None for what is no cache."""

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
        if key.ms_left is not None:
            self.shortest = min(key.ms_left, self.shortest if self.shortest is not None else key.ms_left)
            self.longest = max(key.ms_left, self.longest or 0)
        if len(self.samples) < SAMPLES:
            self.samples.append(key)


@dataclass(frozen=True)
class Survey:
    """`is_whole` says that all keys of the shop were looked at. `server` is what Redis tells of itself."""

    groups: list[Group]
    looked_at: int
    is_whole: bool
    server: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One key from inside. `value` where it may be read, else `shape`."""

    key: Key
    group: str
    kind: str
    value: str
    shape: str


def survey() -> Survey:
    """At most KEYS_AT_MOST keys, and all declared names, also those that hold nothing."""
    redis = get_redis_connection("default")
    keys, is_whole = _scan(redis)
    groups = {name.name: Group(name.name, name) for name in declared()}
    for key, size, ms_left in _measured(redis, keys):
        name = name_of(key)
        title = name.name if name else _kind_of(key)
        groups.setdefault(title, Group(title)).add(_shown(key, name, size, ms_left))
    return Survey(list(groups.values()), len(keys), is_whole, _server(redis))


def look_by_handle(handle: str) -> Look | None:
    """Into the key that `handle` stands for, if it is still among those that a survey finds."""
    redis = get_redis_connection("default")
    key = next((key for key in _scan(redis)[0] if handle_of(key) == handle), None)
    return look(key) if key is not None else None


def look(key: str) -> Look | None:
    """Into one key, named without the shop's prefix; None where there is none."""
    redis = get_redis_connection("default")
    full = str(cache.make_key(key))
    kind = redis.type(full).decode()
    if kind == "none":
        return None
    ((_key, size, ms_left),) = _measured(redis, [key])
    name = name_of(key)
    value = _read(redis.get(full)) if kind == "string" and name else None
    return Look(
        key=_shown(key, name, size, ms_left),
        group=name.name if name else _kind_of(key),
        kind=kind,
        value=pprint.pformat(value, width=100)[:VALUE_SHOWN] if name and name.is_open else "",
        shape=shape_of(value) if name and not name.is_open else "",
    )


def name_of(key: str) -> Name | None:
    """The declared name that a key belongs to."""
    return next((name for name in declared() if any(fnmatchcase(key, pattern) for pattern in name.patterns)), None)


def handle_of(key: str) -> str:
    """Stands for a key in an address, where the key itself may open a cart."""
    return salted_hmac("config.cache_survey", key).hexdigest()[:20]


def shape_of(value: object, depth: int = 3) -> str:
    """What a value is made of, with nothing of what it says."""
    if isinstance(value, dict):
        fields = (f"{name}: {shape_of(inner, depth - 1)}" for name, inner in value.items() if isinstance(name, str))
        return "{" + ", ".join(fields) + "}" if depth else f"{{{len(value)}}}"
    if isinstance(value, list | tuple):
        return f"{len(value)} × {shape_of(value[0], depth - 1)}" if value and depth else f"{len(value)} ×"
    if isinstance(value, str | bytes):
        return f"{type(value).__name__}({len(value)})"
    return type(value).__name__


def _kind_of(key: str) -> str:
    return next((kind for beginning, kind in _OTHERS.items() if key.startswith(beginning)), "others")


def _shown(key: str, name: Name | None, size: int, ms_left: int | None) -> Key:
    if name and name.is_open:
        return Key(key, handle_of(key), size, ms_left)
    beginning = name.name if name else _kind_of(key)
    rest = key.removeprefix(f"{beginning}:") if name else ""
    return Key(f"{beginning}:{rest[:KEY_SHOWN]}…", handle_of(key), size, ms_left)


def _scan(redis: Any) -> tuple[list[str], bool]:
    """Keys without the shop's prefix, and whether these are all."""
    prefix = str(cache.make_key(""))
    cursor, found = 0, []
    for _ in range(ROUNDS_AT_MOST):
        cursor, some = redis.scan(cursor, match=match_of("*"), count=A_ROUND)
        found += [key.decode(errors="replace").removeprefix(prefix) for key in some]
        if not cursor or len(found) >= KEYS_AT_MOST:
            break
    unique = list(dict.fromkeys(found))
    return unique[:KEYS_AT_MOST], not cursor and len(unique) <= KEYS_AT_MOST


def _measured(redis: Any, keys: list[str]) -> Iterator[tuple[str, int, int | None]]:
    """Each key that is still there with its bytes and the milliseconds that it has left."""
    for first in range(0, len(keys), A_ROUND):
        some = keys[first : first + A_ROUND]
        asked = redis.pipeline(transaction=False)
        for key in some:
            asked.memory_usage(str(cache.make_key(key)))
            asked.pttl(str(cache.make_key(key)))
        answers = iter(asked.execute())
        for key, size, ms_left in zip(some, answers, answers, strict=True):
            if size is not None:
                yield key, size, ms_left if ms_left >= 0 else None


def _read(raw: bytes | None) -> object:
    """A declared name's value: JSON, or as the cache keeps it."""
    try:
        return json.loads(raw or b"null")
    except ValueError:
        return cache.client.decode(raw)  # type: ignore[attr-defined]


def _server(redis: Any) -> dict[str, Any]:
    told = redis.info()
    wanted: Iterable[str] = (
        "used_memory", "maxmemory", "maxmemory_policy", "evicted_keys", "expired_keys", "connected_clients",
        "uptime_in_seconds",
    )  # fmt: skip
    return {name: told.get(name) for name in wanted} | {"keys": redis.dbsize()}
