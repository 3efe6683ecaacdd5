"""Concurrent callers, started together, each with its own connection; their answers are collected."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

from config.exceptions import Refusal

Answer = TypeVar("Answer")


def all_at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Refusal]:
    """Run each call in its own thread, started together. Refusals are returned; any other error is raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer | Refusal:
        start.wait(30)
        try:
            return call()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def deadlocks() -> int:
    """The number of deadlocks that the database has counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
