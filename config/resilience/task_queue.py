"""Enqueues tasks without ever waiting for the broker.

Whatever must happen is in Postgres (outbox, webhook inbox, unresolved attempts), where beat's periodic tasks find it. A
task enqueued here only makes it happen sooner, so that a broker that is down costs nothing but time.
"""

import logging

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.resilience.cooldown import Cooldown

logger = logging.getLogger(__name__)

_cooldown = Cooldown(seconds=5.0)


def enqueue(task: Task[[], None]) -> bool:
    """Have a worker run `task` soon. Returns whether the broker accepted it.

    Returns at once during the cooldown after a failure, otherwise within the broker's timeouts.
    """
    if _cooldown.is_active():
        return False
    try:
        task.apply_async(retry=False)
    except (OperationalError, RedisError, OSError) as error:
        _cooldown.begin()
        logger.warning("The broker is unavailable, %s waits for beat: %s", task.name, type(error).__name__)
        return False
    return True
