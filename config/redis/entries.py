"""Where cached values are in Redis: a hash for each key, and its lease beside it.

A hash has a field for each edition, which is the shape of the name's values (`config.redis.values`). Two releases with
values of different shapes share the key, so each drops the other's value with its own, but neither reads it. Releases
before the hash kept pickles, as plain strings: here those are foreign and are never read, and there a hash is a miss.

Where changes replace values (`replace`), the field MARK is theirs: the last change's number, and since when changes
may write. It goes with whatever drops the key, so that nothing is written over a value of which we do not know whether
it is newer.
"""

import logging
import random
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from config.redis import writes
from config.redis.client import client, full_key
from config.redis.values import Format, Unstorable

logger = logging.getLogger(__name__)

# How long a load may take for its value to be stored.
LEASE_SECONDS = 5.0
# A lease outlives its load a little, so that a caller that missed just before the value arrived does not load it again.
LINGER_SECONDS = 0.5
# Lifetimes vary by up to a tenth, so that keys stored together do not expire together; in their last fifth, values are
# stale.
JITTER = 0.1
FRESH_FRACTION = 0.8
MARK = b"#"
# A change may write so long after it was made. Its mark must be older than that, and than any delay on the way.
PROMPT_SECONDS, QUIET_SECONDS = 1.0, 10.0


class Entry(NamedTuple):
    """A value, until when it is fresh, and until when it may be used: its key lives on if another release renews it."""

    fresh_until: float
    ends_at: float
    value: Any


@dataclass
class Found:
    """What Redis has for keys of one name. `foreign` keys have only values of other releases."""

    entries: dict[str, Entry] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)


# KEYS: the keys. ARGV: the field to read in each. Answers 1 for a key that has values without it.
_READ = """
local found = {}
for i, key in ipairs(KEYS) do
    local entry = redis.pcall('HGET', key, ARGV[i])
    if type(entry) ~= 'string' then
        local fields = redis.pcall('HLEN', key)
        entry = (type(fields) ~= 'number' or fields > redis.call('HEXISTS', key, '#')) and 1
    end
    found[i] = entry
end
return found
"""

# KEYS: value and lease of each key. ARGV: the token, how long a lease lingers, the field, then value and lifetime of
# each key. An empty value (there is nothing to store) deletes the old one and releases the lease.
# A plain string is from a release that waits for leases to end, so there the lease does not linger.
_STORE = """
for i = 1, #KEYS, 2 do
    if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
        if ARGV[i + 3] == '' then
            redis.call('DEL', KEYS[i], KEYS[i + 1])
        else
            local kind = redis.call('TYPE', KEYS[i]).ok
            if kind ~= 'none' and (kind ~= 'hash' or redis.call('HLEN', KEYS[i]) > 2) then
                redis.call('DEL', KEYS[i])
            end
            redis.call('HSET', KEYS[i], ARGV[3], ARGV[i + 3])
            redis.call('PEXPIRE', KEYS[i], ARGV[i + 4])
            redis.call('PEXPIRE', KEYS[i + 1], kind == 'string' and 1 or ARGV[2])
        end
    end
end
"""

# KEYS: value and lease of each key. ARGV: the change's number, how long nothing is written after a mark was lost, the
# key's lifetime, the field, then the entry of each key, of which only the value counts.
# Without a mark there was none yet, or a change that has none has dropped it: others before that may still be on their
# way. So then, as for a change that comes after a later one, the value is only dropped.
_REPLACE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 1, #KEYS, 2 do
    local key, entry = KEYS[i], ARGV[4 + (i + 1) / 2]
    local mark, kept = redis.pcall('HGET', key, '#'), redis.pcall('HGET', key, ARGV[4])
    local last, since = string.match(type(mark) == 'string' and mark or '', '^(%d+) (%d+)$')
    local is_next = last and now >= tonumber(since) and tonumber(ARGV[1]) > tonumber(last)
    redis.call('DEL', KEYS[i + 1])
    if is_next and type(kept) == 'string' and redis.call('HLEN', key) == 2 and entry ~= '' then
        local times, value = string.match(kept, '^%[[^,]*,[^,]*'), string.match(entry, '^%[[^,]*,[^,]*(,.*)$')
        redis.call('HSET', key, ARGV[4], times .. value)
    else
        redis.call('DEL', key)
    end
    last = string.format('%.0f', math.max(tonumber(last or 0), tonumber(ARGV[1])))
    redis.call('HSET', key, '#', last .. ' ' .. (since or string.format('%.0f', now + ARGV[2])))
    redis.call('PEXPIRE', key, ARGV[3])
end
"""


class UndeclaredName(LookupError):
    """A lookup under a name that was never declared: a bug."""


def format_of(type_: Any) -> Format:
    """The format of entries whose values are of this type."""
    return Format(tuple[float, float, type_])


def read(wanted: Mapping[str, tuple[Format, Iterable[str]]]) -> dict[str, Found]:
    """What Redis has for each name's keys; nothing if it is down. One round trip, a second if a single key misses."""
    found = {name: Found() for name in wanted}
    asked = [(name, form, key) for name, (form, keys) in wanted.items() for key in keys]
    if not asked:
        return found
    prefix = full_key("")
    keys = [f"{prefix}{name}:{key}" for name, _form, key in asked]
    try:
        kept = _fetch(keys, [form.edition for _name, form, _key in asked])
    except RedisError as error:
        logger.warning("Redis is unavailable, reading without it: %s", type(error).__name__)
        return found
    now = time.time()
    for (name, form, key), text in zip(asked, kept, strict=True):
        entry = form.read(text) if isinstance(text, bytes) else None
        if entry is not None and entry[1] > now:
            found[name].entries[key] = Entry(*entry)
        elif text == 1:
            found[name].foreign.add(key)
    return found


def _fetch(keys: list[str], editions: list[str]) -> list[bytes | int | None]:
    """The field of each key's hash; 1 for a key that exists without it. Raises RedisError."""
    redis = client()
    if len(keys) > 1:
        return list(redis.eval(_READ, len(keys), *keys, *editions))
    # The most frequent case, and cheaper without a script.
    try:
        text = redis.hget(keys[0], editions[0])
    except ResponseError:  # not a hash
        return [1]
    return [text] if text is not None else list(redis.eval(_READ, 1, *keys, *editions))


def take_leases(name: str, keys: Collection[str], token: str) -> list[str] | None:
    """The keys whose leases we got, so that we load them; None if Redis is down. One round trip."""
    if not keys:
        return []
    try:
        pipeline = client().pipeline(transaction=False)
        for key in keys:
            pipeline.set(full_key(f"lease:{name}:{key}"), token, nx=True, px=int(LEASE_SECONDS * 1000))
        return [key for key, taken in zip(keys, pipeline.execute(), strict=True) if taken]
    except RedisError as error:
        logger.warning("Redis is unavailable, loading %s without it: %s", name, type(error).__name__)
        return None


def store(name: str, form: Format, leased: list[str], token: str, loaded: Mapping[str, Any], seconds: float) -> None:
    """Store the values whose leases are still ours, and release those leases. One round trip, atomic in Redis."""
    if not leased:
        return
    lifetime = seconds * random.uniform(1 - JITTER, 1)  # noqa: S311  spreads load, guards nothing
    milliseconds = max(1, int(lifetime * 1000))
    now = time.time()
    keys: list[str] = []
    arguments: list[Any] = [token, min(int(LINGER_SECONDS * 1000), max(1, milliseconds // 10)), form.edition]
    for key in leased:
        keys += [full_key(f"{name}:{key}"), full_key(f"lease:{name}:{key}")]
        entry = Entry(now + lifetime * FRESH_FRACTION, now + lifetime, loaded[key]) if key in loaded else None
        arguments += [_written(name, form, entry), milliseconds]
    try:
        client().eval(_STORE, len(keys), *keys, *arguments)
    except RedisError as error:
        logger.warning("Redis is unavailable, %s is not stored: %s", name, type(error).__name__)


def replace(name: str, form: Format, number: int, values: Mapping[str, Any], seconds: float) -> None:
    """Put these values, by key, in the place of cached ones, as the change `number` of their keys. One round trip,
    atomic in Redis.

    What is not cached stays so, and what may be newer is dropped. A value keeps its lifetime: however often it is
    replaced, it was loaded at most so long ago.
    """
    keys = [full_key(f"{kind}{name}:{key}") for key in values for kind in ("", "lease:")]
    entries = [_written(name, form, Entry(0, 0, value)) for value in values.values()]
    arguments = [number, int(QUIET_SECONDS * 1000), int(seconds * 1000), form.edition, *entries]
    writes.write("EVAL", _REPLACE, len(keys), *keys, *arguments)


def _written(name: str, form: Format, entry: Entry | None) -> bytes:
    """The entry as bytes; empty if it cannot be stored, which must not stop a sale."""
    try:
        return form.write(entry) if entry else b""
    except Unstorable:
        if settings.CACHE_CHECK_WRITES:
            raise
        logger.exception("A value of %s cannot be stored", name)
        return b""
