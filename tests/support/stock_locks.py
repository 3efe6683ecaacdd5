"""Stock rows that somebody else holds locked meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from django.db import connection, transaction

from inventory.models import Stock
from tests.support.waiting import eventually


def waiting_for_locks() -> int:
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), (SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return int(cursor.fetchone()[1])


@contextmanager
def locked_until_waited_for(by: int) -> Iterator[None]:
    """All stock rows are locked until so many others wait for them: all of those have begun before any goes on."""
    locked = Event()

    def keep() -> None:
        try:
            with transaction.atomic():
                Stock.objects.all().locked()
                locked.set()
                eventually(lambda: waiting_for_locks() >= by, 30)
        finally:
            locked.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(keep)
        assert locked.wait(30)
        yield
        kept.result()
