"""Cache-aside for ORM reads: a read has a name and a key, and either finds its result in Redis or runs its query.

Redis is a copy that may vanish at any moment. A lookup that Redis does not answer is a miss, never an error. Keys are
dropped by name after the transaction commits, never by scanning. Values that decide anything (stock, prices at
checkout) are never read from here.

Leases keep loads few and values correct: a caller takes the lease of a key before it loads it, and a value is stored
only while that lease is still held. So a cold key is loaded once while the others wait briefly (single flight), a stale
one is refreshed by one caller while the others use the old value, and dropping a key also drops its lease: a slow
reader that read the row before the change cannot store the old value again.

A change that knows the new value may replace the cached one instead of dropping it (`replace_on_commit`).
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from django.db import transaction
from prometheus_client import Counter

from config.redis import entries, writes
from config.redis.client import full_key
from config.redis.entries import Found
from config.redis.values import Format

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How long other callers wait for it before they load the value themselves, unless they say otherwise.
WAIT_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.03

RESULTS = ("hit", "miss", "stale")
cache_requests = Counter("cache_requests_total", "Cache lookups by name and result.", ["name", "result"])


@dataclass(frozen=True)
class Name:
    """`patterns` match its keys (in the syntax of Redis' MATCH); `is_open` means that staff may read its values.
    `format` is None if its values are written and read elsewhere."""

    name: str
    patterns: tuple[str, ...]
    is_open: bool
    format: Format | None


_declared: dict[str, Name] = {}
# By name and result.
_counters: dict[tuple[str, str], Counter] = {}


class UndeclaredName(LookupError):
    """A lookup under a name that was never declared, or whose values have no declared type: a bug."""


def declare(*names: str, of: Any = None, is_open: bool = False, patterns: tuple[str, ...] = ()) -> None:
    """Declare names once, where their reads are defined. Creates their counters at zero.

    `of` is the type of their values (see `Format`); without it the names are only counted. `is_open` is for values
    without personal data and secrets. `patterns` are for keys that are not `name:…`.
    """
    form = entries.format_of(of) if of is not None else None
    for name in names:
        _declared[name] = Name(name, patterns or (f"{name}:*",), is_open, form)
        _counters.update({(name, result): cache_requests.labels(name, result) for result in RESULTS})


def declared() -> list[Name]:
    """All names, sorted."""
    return sorted(_declared.values(), key=lambda name: name.name)


def match_of(pattern: str) -> str:
    """`pattern` for Redis' MATCH, after the shop's key prefix, which is escaped."""
    prefix = full_key("")
    return "".join(f"\\{char}" if char in "*?[]^\\" else char for char in prefix) + pattern


def count(name: str, result: str, number: int = 1) -> None:
    """Count lookups: `hit` found a fresh value, `stale` returned one that is due for a refresh, `miss` ran the load.

    Raises UndeclaredName.
    """
    if name not in _declared:
        raise UndeclaredName(name)
    if number:
        _counters[name, result].inc(number)


def cached(
    name: str, key: str, seconds: float | Callable[[], float], load: Callable[[], T], *, wait: float = WAIT_SECONDS
) -> T:
    """The value under `name:key`; on a miss, loaded and stored for at most `seconds`, which may depend on the load.

    `wait` is how long we wait for another caller that is loading it. Raises UndeclaredName, and whatever `load` raises
    (then nothing is stored).
    """
    look_up = LookUp(name, [key], seconds, lambda _missing: {key: load()}, wait)
    value: T = cached_together(look_up)[0][key]
    return value


def cached_many(
    name: str, keys: Collection[str], seconds: float, load_missing: Callable[[list[str]], dict[str, T]]
) -> dict[str, T]:
    """The values under `name:key` for each key: one round trip for the hits, one `load_missing` for all misses (and a
    second one only for keys that other callers were loading and did not store in time).

    Keys that `load_missing` does not return are absent from the result and are not stored. Raises UndeclaredName.
    """
    return cached_together(LookUp(name, keys, seconds, load_missing))[0]


def cached_together(*look_ups: "LookUp") -> list[dict[str, Any]]:
    """The result of `cached_many` for each, with one round trip for the hits of all."""
    found = _read({look_up.name: look_up.keys for look_up in look_ups})
    return [look_up.answer(found[look_up.name]) for look_up in look_ups]


def recall(name: str, key: str) -> Any:
    """The value under `name:key`, or None on a miss; never loads and never waits. Raises UndeclaredName."""
    entry = _read({name: [key]})[name].entries.get(key)
    count(name, "hit" if entry else "miss")
    return entry.value if entry else None


def drop_on_commit(name: str, *keys: str) -> None:
    """Drop `name:key` for each key once the current transaction has committed (at once if none is open).

    Values that are being loaded at that moment are not stored either: their rows may have been read before the change.
    """
    if keys:
        full_keys = [full_key(f"{kind}{name}:{key}") for key in keys for kind in ("", "lease:")]
        # No partial: Django logs what failed by its name, which a partial does not have.
        transaction.on_commit(lambda: writes.write("DEL", *full_keys), robust=True)


def replace_on_commit(name: str, number: int, values: Mapping[str, Any], seconds: float) -> None:
    """Put the value of each key in the place of a cached one once the current transaction has committed.

    Call it while the rows that the values were read from are locked until the commit, and give the later of two changes
    of a key the greater `number`. All other changes of these rows call `drop_on_commit`. `seconds` are those that such
    values are cached for.

    Whoever comes late or cannot be sure, only drops: then it is as after `drop_on_commit`. Raises UndeclaredName.
    """
    form, began = _format(name), time.monotonic()

    def replace() -> None:
        if time.monotonic() - began > entries.PROMPT_SECONDS:
            drop_on_commit(name, *values)
        else:
            entries.replace(name, form, number, values, seconds)

    if values:
        transaction.on_commit(replace, robust=True)


class LookUp:
    """One lookup of `cached_many`. `load` runs the caller's query; `token` identifies our leases."""

    def __init__(
        self,
        name: str,
        keys: Iterable[str],
        seconds: float | Callable[[], float],
        load: Callable[[list[str]], dict[str, Any]],
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.name, self.seconds, self.load, self.wait = name, seconds, load, wait
        self.keys = list(dict.fromkeys(keys))

    @cached_property
    def token(self) -> str:
        return uuid4().hex

    def answer(self, found: Found) -> dict[str, Any]:
        """The values, given what Redis has `found`; the others are loaded."""
        now = time.time()
        missing = [key for key in self.keys if key not in found.entries]
        stale = [key for key, entry in found.entries.items() if entry.fresh_until <= now]
        values = {key: entry.value for key, entry in found.entries.items()}
        count(self.name, "hit", len(found.entries) - len(stale))
        if not missing and not stale:
            return values
        leased = entries.take_leases(self.name, missing + stale, self.token)
        if leased is None:
            return values | self._load(missing)
        count(self.name, "stale", len(set(stale) - set(leased)))
        fresh = self._load_and_store(leased)
        values = {key: value for key, value in values.items() if key not in leased} | fresh
        unleased = [key for key in missing if key not in leased]
        return values | self._wait_for(unleased, found.foreign)

    def _wait_for(self, keys: list[str], foreign: set[str]) -> dict[str, Any]:
        """The values that other callers are loading. Loads them here if the others give up, take too long or are of
        another release, whose values we cannot read."""
        deadline, pause = time.monotonic() + self.wait, FIRST_PAUSE_SECONDS
        values: dict[str, Any] = {}
        while True:
            values |= self._load([key for key in keys if key in foreign])
            keys = [key for key in keys if key not in foreign]
            if not keys:
                return values
            found = _read({self.name: keys})[self.name]
            count(self.name, "hit", len(found.entries))
            values |= {key: entry.value for key, entry in found.entries.items()}
            keys, foreign = [key for key in keys if key not in found.entries], found.foreign
            leased = entries.take_leases(self.name, keys, self.token)
            if leased is None or time.monotonic() > deadline:
                # Without a lease the value is not stored: its holder does that.
                return values | self._load_and_store(leased or []) | self._load(sorted(set(keys) - set(leased or [])))
            values |= self._load_and_store(leased)
            keys = [key for key in keys if key not in leased]
            if not foreign.issuperset(keys):
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)

    def _load(self, keys: list[str]) -> dict[str, Any]:
        count(self.name, "miss", len(keys))
        return self.load(keys) if keys else {}

    def _load_and_store(self, leased: list[str]) -> dict[str, Any]:
        """Load keys whose leases we hold. The leases end here, even if loading fails."""
        loaded: dict[str, Any] = {}
        try:
            loaded = self._load(leased)
        finally:
            seconds = self.seconds() if callable(self.seconds) else self.seconds
            entries.store(self.name, _format(self.name), leased, self.token, loaded, seconds)
        return loaded


def _read(names: Mapping[str, Iterable[str]]) -> dict[str, Found]:
    """What Redis has for each name's keys. One round trip."""
    return entries.read({name: (_format(name), keys) for name, keys in names.items()})


def _format(name: str) -> Format:
    known = _declared.get(name)
    if known is None or known.format is None:
        raise UndeclaredName(name)
    return known.format
