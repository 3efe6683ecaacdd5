"""A guard on the cache itself: once Redis has failed, this process leaves it alone for a moment.

Without it a server that hangs costs every look-up its whole time-out, dozens in one request. With it one look-up pays,
and the others go straight to the database. The guard sits on the connection, so whatever uses Redis is under it.
"""

import logging
import time
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import SentinelManagedConnection

from config.clocks import clock

logger = logging.getLogger(__name__)

LEFT_ALONE_SECONDS = 1.0

_left_alone_until: dict[tuple[Any, Any], float] = {}


class _Guard:
    """Mixed into a connection class: refuses at once while its server is left alone, and notes when it fails."""

    def connect(self) -> None:
        self._refuse_if_left_alone()
        try:
            super().connect()  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._leave_alone()
            raise

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._refuse_if_left_alone()
        try:
            super().send_packed_command(command, check_health)  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._leave_alone()
            raise

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with clock("cache"):
                return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except (RedisConnectionError, RedisTimeoutError):
            self._leave_alone()
            raise

    @property
    def _server(self) -> tuple[Any, Any]:
        return self.host, self.port  # type: ignore[attr-defined]

    def _refuse_if_left_alone(self) -> None:
        if time.monotonic() < _left_alone_until.get(self._server, 0):
            raise RedisConnectionError("Redis failed a moment ago and is left alone.")

    def _leave_alone(self) -> None:
        logger.warning("Redis at %s:%s failed and is left alone for %s s", *self._server, LEFT_ALONE_SECONDS)
        _left_alone_until[self._server] = time.monotonic() + LEFT_ALONE_SECONDS


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
