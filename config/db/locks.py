"""Locks, and the two rules that go with them.

A row lock outside a transaction locks nothing, and a network call inside one holds locks for as long as a stranger
likes. Both are refused here at run time. The Redis lock only saves work: Postgres decides.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import connection
from redis.exceptions import LockError, RedisError

from config.telemetry.metrics import lock_contention, lock_errors

logger = logging.getLogger(__name__)


class LockOutsideTransaction(RuntimeError):
    """A locking read was asked for where no transaction is open, so that it would lock nothing."""


class NetworkCallInTransaction(RuntimeError):
    """The network was about to be called while a transaction holds rows."""


def require_transaction() -> None:
    """Raise LockOutsideTransaction unless a transaction is open. Every locking queryset method calls it first."""
    if not connection.in_atomic_block:
        raise LockOutsideTransaction("Row locks need transaction.atomic() round them; call the verb in services.py.")


def refuse_in_transaction(what: str) -> None:
    """Raise NetworkCallInTransaction where a transaction is open. Every call to a provider passes here first."""
    if _open_transactions():
        raise NetworkCallInTransaction(f"{what} must not be called while a transaction is open.")


def _open_transactions() -> int:
    """How many atomic blocks the code under way has opened; the one that a test wraps itself in does not count."""
    return len([block for block in connection.atomic_blocks if not block._from_testcase])  # type: ignore[attr-defined]


@contextmanager
def redis_lock(name: str, seconds: float) -> Iterator[bool]:
    """Hold the lock `name` for at most `seconds`; yields whether it is ours.

    Does not wait. Yields True where Redis is away, since the lock decides nothing. It is released only by its owner:
    one that has outlived its lease is left to whoever holds it now.
    """
    lock = None
    try:
        lock = cache.lock(name, timeout=seconds, blocking=False, thread_local=False)  # type: ignore[attr-defined]
        owned = bool(lock.acquire())
    except RedisError as error:
        lock_errors.labels("redis_away").inc()
        logger.warning("Redis is away, going on without the lock %s: %s", _kind(name), type(error).__name__)
        lock, owned = None, True
    if not owned:
        lock_contention.labels(_kind(name)).inc()
    try:
        yield owned
    finally:
        if lock is not None and owned:
            _release(lock, name)


def _release(lock: object, name: str) -> None:
    try:
        lock.release()  # type: ignore[attr-defined]
    except (LockError, RedisError) as error:
        lock_errors.labels("lost").inc()
        logger.warning("The lock %s was gone before its release: %s", _kind(name), type(error).__name__)


def _kind(name: str) -> str:
    """What is locked, without which one: a cart's token opens the cart to whoever reads it."""
    return name.split(":", 1)[0]
