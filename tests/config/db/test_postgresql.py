"""Pooled connections: reused without a health check, and replaced once the server has closed them."""

from collections.abc import Iterator

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from config.db.postgresql.base import DatabaseWrapper
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    settings = {**connection.settings_dict, "CONN_MAX_AGE": 0, "OPTIONS": options}
    wrapper = DatabaseWrapper(settings, alias=connection.alias)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def process_of(wrapper: DatabaseWrapper) -> int:
    """The PID of the server process behind the connection that a request uses."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    wrapper.close()
    return int(process)


def is_gone(process: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [process])
        return cursor.fetchone() == (0,)


def test_a_healthy_connection_is_reused_without_a_check(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(_connection: object) -> None:
        raise AssertionError("The server was queried.")

    first = process_of(pooled)
    monkeypatch.setattr(ConnectionPool, "check_connection", ask)
    assert process_of(pooled) == first


def test_a_connection_closed_by_the_server_is_replaced(pooled: DatabaseWrapper) -> None:
    first = process_of(pooled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [first])
    eventually(lambda: is_gone(first))
    assert process_of(pooled) != first
