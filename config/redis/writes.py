"""Writes to Redis whose answers nobody needs. Those of one block go out together, in one trip: see `one_trip`.

They are copies and invalidations, so they are also sent during the cooldown after a failure, and a failure is only
logged.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from redis.exceptions import RedisError

from config.redis.client import client
from config.redis.guard import bypass_cooldown

logger = logging.getLogger(__name__)

Command = Sequence[Any]

_waiting: ContextVar[list[Command] | None] = ContextVar("waiting_writes", default=None)


@contextmanager
def one_trip() -> Iterator[None]:
    """What is written inside waits until the end, also if it fails. For a transaction whose hooks write, and whose
    block reads nothing of it: they would each take a trip."""
    commands: list[Command] = []
    token = _waiting.set(commands)
    try:
        yield
    finally:
        _waiting.reset(token)
        _send(commands)


def write(*command: Any) -> None:
    """Send this command to Redis, now or at the end of the block. Its answer is not read."""
    waiting = _waiting.get()
    if waiting is None:
        _send([command])
    else:
        waiting.append(command)


def _send(commands: Sequence[Command]) -> None:
    if not commands:
        return
    try:
        with bypass_cooldown():
            redis = client()
            if len(commands) == 1:
                redis.execute_command(*commands[0])
                return
            pipeline = redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            pipeline.execute()
    except RedisError as error:
        logger.warning("Redis is unavailable, %s writes are lost: %s", len(commands), type(error).__name__)
