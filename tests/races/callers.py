"""Many callers at once: started together, each with a connection of its own, their answers collected."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

from config.exceptions import Refusal

Answer = TypeVar("Answer")


def all_at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Refusal]:
    """Run the calls in as many threads, started together. A refusal is an answer; any other error is raised."""
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
    """How many deadlocks the database has seen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
