"""An unreachable database is a 503 with Retry-After, in the API and on pages."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.support.api import assert_problem
from tests.support.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broken_connection() -> Iterator[None]:
    """The server closes this process's connection, as when it is killed, and the process has not noticed yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
    yield
    connection.close()


@pytest.mark.usefixtures("broken_connection")
def test_apps_get_a_problem_document() -> None:
    answer = Client().post("/api/v1/carts/", "{}", content_type="application/json")
    assert_problem(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.usefixtures("broken_connection")
def test_browsers_get_a_page() -> None:
    answer = Client(raise_request_exception=False).get("/", headers={"Accept-Language": "pt-BR"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "Voltamos em um instante" in answer.content.decode()
