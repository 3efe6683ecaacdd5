"""A cooldown for Redis: after a failure this process does not call it for a moment.

Without it, a Redis that hangs costs every lookup a full timeout, dozens in one request. With it, one lookup waits and
the others go straight to the database. The guard is part of the connection class, so it covers everything that uses
Redis.

Each process has a cooldown of its own. So code that invalidates bypasses it: a process in its cooldown must not leave
the old value to one that is back. And `last_failure` tells which values may have missed an invalidation.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import SentinelManagedConnection

from config.resilience.cooldown import Cooldown
from config.telemetry.request_cost import time_spent

logger = logging.getLogger(__name__)

_cooldown = Cooldown(seconds=1.0)
_last_failure = 0.0
_cooldown_bypassed: ContextVar[bool] = ContextVar("bypass_cooldown", default=False)


@contextmanager
def bypass_cooldown() -> Iterator[None]:
    """Inside, Redis is called even during the cooldown: at worst that costs one more timeout."""
    token = _cooldown_bypassed.set(True)
    try:
        yield
    finally:
        _cooldown_bypassed.reset(token)


def last_failure() -> float:
    """When this process last saw Redis fail, as a Unix timestamp; 0.0 if never. Invalidations up to then may not have
    reached Redis."""
    return _last_failure


class _Guard:
    """Mixin for a connection class: fails at once during the cooldown, and starts it when the server fails."""

    def connect(self) -> None:
        self._refuse_in_cooldown()
        try:
            super().connect()  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._begin_cooldown()
            raise

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._refuse_in_cooldown()
        try:
            super().send_packed_command(command, check_health)  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._begin_cooldown()
            raise

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with time_spent("cache"):
                return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._begin_cooldown()
            raise

    @property
    def _server(self) -> tuple[Any, Any]:
        return self.host, self.port  # type: ignore[attr-defined]

    def _refuse_in_cooldown(self) -> None:
        if not _cooldown_bypassed.get() and _cooldown.is_active(self._server):
            raise RedisConnectionError("Redis failed a moment ago: in cooldown.")

    def _begin_cooldown(self) -> None:
        global _last_failure
        logger.warning("Redis at %s:%s failed: not called for %s s", *self._server, _cooldown.seconds)
        _cooldown.begin(self._server)
        _last_failure = time.time()


class GuardedConnection(_Guard, Connection):
    """For redis:// addresses."""


class GuardedSSLConnection(_Guard, SSLConnection):
    """For rediss:// addresses."""


class GuardedSentinelConnection(_Guard, SentinelManagedConnection):
    """For a master that is found through Sentinel. The cooldown applies to its name, not its address: after a failure
    it is not yet known whether the next master is another server."""

    @property
    def _server(self) -> tuple[Any, Any]:
        return self.connection_pool.service_name, "sentinels"
