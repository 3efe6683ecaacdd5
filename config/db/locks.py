"""Locks, and two rules that are enforced at run time.

A row lock outside a transaction locks nothing, and a network call inside one holds its locks for as long as the other
side takes. The Redis lock only saves work: Postgres decides.
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
    """A locking read outside a transaction, which would lock nothing."""


class NetworkCallInTransaction(RuntimeError):
    """A network call inside a transaction, which would hold its locks meanwhile."""


def require_transaction() -> None:
    """Raise LockOutsideTransaction unless a transaction is open. Every locking queryset method calls it first."""
    if not connection.in_atomic_block:
        raise LockOutsideTransaction("Row locks need transaction.atomic(); call the function in services.py.")


def lock_name(name: str) -> None:
    """Wait until no other transaction holds the lock `name`, and hold it until this one ends. One statement.

    For what has no row to lock; what is read afterwards includes all that its previous holders have committed. Raises
    LockOutsideTransaction.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def refuse_in_transaction(what: str) -> None:
    """Raise NetworkCallInTransaction if a transaction is open. Every network call to an outside service checks this."""
    if _open_transactions():
        raise NetworkCallInTransaction(f"{what} must not be called while a transaction is open.")


def _open_transactions() -> int:
    """The number of open atomic blocks, without the one that wraps a test case."""
    return len([block for block in connection.atomic_blocks if not block._from_testcase])  # type: ignore[attr-defined]


@contextmanager
def redis_lock(name: str, seconds: float) -> Iterator[bool]:
    """Hold the lock `name` for at most `seconds`; yields whether we got it.

    Does not wait. Yields True if Redis is down, since correctness does not depend on the lock. Only its owner releases
    it: a lock that has expired meanwhile stays with its next owner.
    """
    lock = None
    try:
        lock = cache.lock(name, timeout=seconds, blocking=False, thread_local=False)  # type: ignore[attr-defined]
        owned = bool(lock.acquire())
    except RedisError as error:
        lock_errors.labels("redis_away").inc()
        logger.warning("Redis is unavailable, going on without the lock %s: %s", _kind(name), type(error).__name__)
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
        logger.warning("The lock %s was lost before its release: %s", _kind(name), type(error).__name__)


def _kind(name: str) -> str:
    """The kind of lock, without the key: the token of a cart is a secret."""
    return name.split(":", 1)[0]
