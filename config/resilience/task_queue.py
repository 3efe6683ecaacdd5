"""Asking the workers for something, without ever waiting for the broker.

What must happen stands in Postgres (the outbox, the inbox, attempts that are not settled) and is found there by beat's
rounds. A task that is enqueued here only makes it happen sooner, so that a broker which is away costs nothing but time.
"""

import logging

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.resilience.cooldown import Cooldown

logger = logging.getLogger(__name__)

_cooldown = Cooldown(seconds=5.0)


def enqueue(task: Task[[], None]) -> bool:
    """Have a worker run `task` soon; whether the broker took it.

    Returns at once for a while after the broker has failed, otherwise within the broker's own timeouts.
    """
    if _cooldown.is_active():
        return False
    try:
        task.apply_async(retry=False)
    except (OperationalError, RedisError, OSError) as error:
        _cooldown.begin()
        logger.warning("The broker is away, %s waits for beat's next round: %s", task.name, type(error).__name__)
        return False
    return True
