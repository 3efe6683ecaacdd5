"""Enqueues tasks without ever waiting for the broker.

Whatever must happen is in Postgres (outbox, webhook inbox, unresolved attempts), where beat's periodic tasks find it. A
task enqueued here only makes it happen sooner, so that a broker that is down costs nothing but time.

A burst needs one run, not one for each that has something to do: who nudges leaves a mark in Redis, and while it is
there nobody else enqueues. The run takes the mark away before it reads what there is to do. So what was written before
is seen by it, and what comes later is nudged for anew. Where nobody waits for the result, the run begins a little
later and does the work of everyone who came until then.
"""

import logging

from celery import Task
from django.core.cache import cache
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.resilience.cooldown import Cooldown

logger = logging.getLogger(__name__)

_cooldown = Cooldown(seconds=5.0)

# How long a mark outlives the moment when its run should begin, if no run takes it away: the worker is busy, or the
# message was lost.
MARK_SECONDS = 1.2


def nudge(task: Task[[], None], *, gather_seconds: float = 0.0) -> bool:
    """Have a worker run `task` soon, once for all who nudge it before it begins. Call it after commit.

    The run begins `gather_seconds` after the first nudge. The task must call `begin` first. Returns whether a run is on
    its way. Without Redis each nudge enqueues a run.
    """
    if _cooldown.is_active():
        return False
    return _is_nudged(task, gather_seconds + MARK_SECONDS) or enqueue(task, in_seconds=gather_seconds)


def begin(task: Task[[], None]) -> None:
    """Take the mark of a nudged task away: to be called by its run, before it reads what there is to do."""
    try:
        get_redis_connection("default").delete(_mark_of(task))
    except RedisError:
        # It ends by itself. What is nudged for until then waits for beat.
        logger.info("The mark of %s could not be taken away", task.name)


def _is_nudged(task: Task[[], None], seconds: float) -> bool:
    """Whether a run of `task` is on its way already; if not, leave the mark for `seconds`."""
    try:
        marked = get_redis_connection("default").set(_mark_of(task), 1, nx=True, px=int(seconds * 1000))
    except RedisError:
        return False
    return not marked


def _mark_of(task: Task[[], None]) -> str:
    return str(cache.make_key(f"nudged:{task.name}"))


def enqueue(task: Task[[], None], *, in_seconds: float = 0.0) -> bool:
    """Have a worker run `task` soon, but not before `in_seconds`. Returns whether the broker accepted it.

    Returns at once during the cooldown after a failure, otherwise within the broker's timeouts.
    """
    if _cooldown.is_active():
        return False
    try:
        task.apply_async(retry=False, countdown=in_seconds)
    except (OperationalError, RedisError, OSError) as error:
        _cooldown.begin()
        logger.warning("The broker is unavailable, %s waits for beat: %s", task.name, type(error).__name__)
        return False
    return True
