"""Stores a breaker's state: in Redis for all processes, and in this process's memory for when Redis is down.

Every write goes to both. If Redis is down or has lost the state, it is read from memory, so that a circuit neither
closes because Redis was flushed nor stays closed because Redis is down.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import pybreaker
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from config.resilience.breaker_history import record
from config.resilience.instrumentation import breaker_trips

PROBE_SECONDS = 30
STATES = (pybreaker.STATE_CLOSED, pybreaker.STATE_HALF_OPEN, pybreaker.STATE_OPEN)


class SharedStorage(pybreaker.CircuitBreakerStorage):
    """A breaker's state under `breaker:{name}`: a hash of `state`, `failures` and `opened_at` (seconds since 1970)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._state = pybreaker.STATE_CLOSED
        self._failures = 0
        self._successes = 0
        self._opened_at: datetime | None = None
        self._probing = Lock()
        self.cause = ""
        self.by = ""

    @property
    def state(self) -> str:
        """As of the last `read`, like the other properties."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        """Counts a trip, and records a change in the history with `cause` and `by` if they were set before.

        From half-open back to open is not another trip.
        """
        before, self._state = self._swap(state), state
        if before != state and pybreaker.STATE_CLOSED in (before, state):
            record(self.name, state, cause=self.cause, by=self.by)
            if before == pybreaker.STATE_CLOSED:
                breaker_trips.labels(self.name).inc()
        self.cause = self.by = ""

    def _swap(self, state: str) -> str:
        """Write the state and return the previous one. Atomic: if several processes trip at once, one sees a change."""
        try:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hget(self._key, "state")
            pipeline.hset(self._key, "state", state)
            before, _written = pipeline.execute()
        except RedisError:
            return self._state
        return before.decode(errors="replace") if before else pybreaker.STATE_CLOSED

    @property
    def counter(self) -> int:
        return self._failures

    def increment_counter(self) -> None:
        self._failures += 1
        try:
            self._failures = int(self._redis.hincrby(self._key, "failures", 1))
        except RedisError:
            return

    def reset_counter(self) -> None:
        """Costs nothing if there is nothing to reset, as after nearly every call."""
        if self._failures:
            self._failures = 0
            self._write(failures=0)

    @property
    def success_counter(self) -> int:
        return self._successes

    def increment_success_counter(self) -> None:
        self._successes += 1

    def reset_success_counter(self) -> None:
        self._successes = 0

    @property
    def opened_at(self) -> datetime | None:
        return self._opened_at

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._opened_at = moment
        self._write(opened_at=moment.timestamp())

    @contextmanager
    def probe(self) -> Iterator[bool]:
        """Yields whether this caller may make the trial call: only one may, of all threads of all processes.

        If Redis is down, one thread of each process may.
        """
        if not self._probing.acquire(blocking=False):
            yield False
            return
        is_ours = False
        try:
            is_ours = self._acquire_token()
            yield is_ours
        finally:
            if is_ours:
                self._release_token()
            self._probing.release()

    def _acquire_token(self) -> bool:
        try:
            return bool(self._redis.set(self._probe_key, 1, nx=True, px=PROBE_SECONDS * 1000))
        except RedisError:
            return True

    def _release_token(self) -> None:
        try:
            self._redis.delete(self._probe_key)
        except RedisError:
            return

    def read(self) -> None:
        """Read everything from Redis, in one round trip."""
        try:
            kept = _parse(self._redis.hgetall(self._key))
        except RedisError:
            return
        if kept:
            self._state, self._failures, self._opened_at = kept
        elif self._state != pybreaker.STATE_CLOSED and self._opened_at:
            self._write(state=self._state, failures=self._failures, opened_at=self._opened_at.timestamp())

    def _write(self, **fields: str | float) -> None:
        try:
            self._redis.hset(self._key, mapping=fields)
        except RedisError:
            return

    @property
    def _redis(self) -> Any:
        return get_redis_connection("default")

    @property
    def _key(self) -> str:
        return str(cache.make_key(f"breaker:{self.name}"))

    @property
    def _probe_key(self) -> str:
        return str(cache.make_key(f"breaker:{self.name}:probe"))


def _parse(kept: dict[bytes, bytes]) -> tuple[str, int, datetime | None] | None:
    """State, failures and since when it is open; None if there is nothing, or nothing of ours."""
    if not kept:
        return None
    try:
        state = kept.get(b"state", pybreaker.STATE_CLOSED.encode()).decode()
        if state not in STATES:
            return None
        opened_at = kept.get(b"opened_at")
        moment = datetime.fromtimestamp(float(opened_at), UTC) if opened_at else None
        return state, int(kept.get(b"failures", 0)), moment
    except (ValueError, OverflowError, OSError):
        return None
