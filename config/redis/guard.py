"""A guard on the cache itself: once Redis has failed, this process leaves it alone for a moment.

Without it a server that hangs costs every look-up its whole time-out, dozens in one request. With it one look-up pays,
and the others go straight to the database. The guard sits on the connection, so whatever uses Redis is under it.

Processes leave Redis alone and come back each by itself. So whoever takes something back insists (a process that stays
away must not leave the old value to one that is back), and `last_failure` tells which values may have missed a change.
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
    """Inside, Redis is asked even while it is left alone: at worst that costs one more time-out."""
    token = _cooldown_bypassed.set(True)
    try:
        yield
    finally:
        _cooldown_bypassed.reset(token)


def last_failure() -> float:
    """When this process saw Redis fail last, in seconds since 1970; 0.0 where it never has. A change of that time or
    before may not have reached what Redis keeps."""
    return _last_failure


class _Guard:
    """Mixed into a connection class: refuses at once while its server is left alone, and notes when it fails."""

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
            raise RedisConnectionError("Redis failed a moment ago and is left alone.")

    def _begin_cooldown(self) -> None:
        global _last_failure
        logger.warning("Redis at %s:%s failed and is left alone for %s s", *self._server, _cooldown.seconds)
        _cooldown.begin(self._server)
        _last_failure = time.time()


class GuardedConnection(_Guard, Connection):
    """For redis:// addresses."""


class GuardedSSLConnection(_Guard, SSLConnection):
    """For rediss:// addresses."""


class GuardedSentinelConnection(_Guard, SentinelManagedConnection):
    """For a master that sentinels know by name. It is left alone under that name: after a failure nobody can tell yet
    whether the next master is another server."""

    @property
    def _server(self) -> tuple[Any, Any]:
        return self.connection_pool.service_name, "sentinels"
