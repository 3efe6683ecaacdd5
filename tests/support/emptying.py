"""Empties the database after a test that committed: only tables that have rows, and what `migrate` put in stays.

Django truncates every table and runs the receivers of `post_migrate`, which takes longer than most of these tests. The
first such test ends like that; every later one has to end with the same rows.
"""

import graphlib
from collections.abc import Callable

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

# What `migrate` puts in: content types, permissions, and the roles that have them.
KEPT = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
# Its rows cannot be deleted, only all of them at once.
ONLY_ADDED_TO = "audit_entry"

Flush = Callable[[TransactionTestCase], None]


class Emptying:
    """In place of `TransactionTestCase._fixture_teardown`, which is `flush`."""

    def __init__(self, flush: Flush) -> None:
        self._flush = flush
        self._tables: list[str] = []
        self._kept = ""

    def __call__(self, test: TransactionTestCase) -> None:
        if not self._kept or not self._empty():
            self._flush(test)
            with connection.cursor() as cursor:
                self._tables = _tables(cursor)
                self._kept = _kept(cursor)

    def _empty(self) -> bool:
        """Returns False, with nothing done, if the test has changed what `migrate` put in."""
        with transaction.atomic(), connection.cursor() as cursor:
            # Like TRUNCATE, it waits for whoever is still writing.
            cursor.execute(f"LOCK TABLE {', '.join(map(_quoted, self._tables))} IN EXCLUSIVE MODE")
            if _kept(cursor) != self._kept:
                return False
            looks = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {_quoted(name)})" for name in self._tables)
            cursor.execute(" UNION ALL ".join(looks))
            filled = {name for (name,) in cursor.fetchall()}
            for name in self._tables:
                if name in filled:
                    cursor.execute(f"{'TRUNCATE' if name == ONLY_ADDED_TO else 'DELETE FROM'} {_quoted(name)}")
        return True


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _kept(cursor: CursorWrapper) -> str:
    """A fingerprint of what `migrate` put in."""
    prints = (f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {_quoted(name)} t)" for name in KEPT)
    cursor.execute(f"SELECT concat({', '.join(prints)})")
    return str(cursor.fetchone()[0])


def _tables(cursor: CursorWrapper) -> list[str]:
    """All other tables; whoever refers to another comes before it."""
    cursor.execute(
        "SELECT confrelid::regclass::text, conrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid <> conrelid"
    )
    referring: dict[str, set[str]] = {}
    for table, other in cursor.fetchall():
        referring.setdefault(table, set()).add(other)
    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - set(KEPT)
    every = graphlib.TopologicalSorter({name: referring.get(name, set()) for name in names}).static_order()
    return [name for name in every if name in names]
