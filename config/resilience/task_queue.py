"""Asking the workers for something, without ever waiting for the broker.

What must happen stands in Postgres (the outbox, the inbox, attempts that are not settled) and is found there by beat's
rounds. A task that is enqueued here only makes it happen sooner, so that a broker which is away costs nothing but time.
"""

import logging
import time

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

COOLDOWN_SECONDS = 5.0

_left_alone_until = 0.0


def enqueue(task: Task[[], None]) -> bool:
    """Have a worker run `task` soon; whether the broker took it.

    Returns at once while the broker is left alone after a failure, otherwise within the broker's own time-outs.
    """
    global _left_alone_until
    if time.monotonic() < _left_alone_until:
        return False
    try:
        task.apply_async(retry=False)
    except (OperationalError, RedisError, OSError) as error:
        _left_alone_until = time.monotonic() + COOLDOWN_SECONDS
        logger.warning("The broker is away, %s waits for beat's next round: %s", task.name, type(error).__name__)
        return False
    return True
