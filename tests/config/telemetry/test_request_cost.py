"""Server-Timing: sent to staff and in the demo, to no one else."""

import re

import pytest
from django.db import connection
from django.test import Client

from config.telemetry import request_cost
from tests.support.factories.accounts import UserFactory
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_production(settings) -> None:
    settings.SERVER_TIMING = False


def test_the_demo_sends_it_to_everyone(client: Client, settings) -> None:
    settings.SERVER_TIMING = True
    ProductFactory()
    header = client.get("/").headers["Server-Timing"]
    kinds = dict(re.findall(r"(\w+);dur=([\d.]+)", header))
    assert set(kinds) >= {"db", "cache", "render", "total"}
    assert all(float(kinds[kind]) <= float(kinds["total"]) for kind in kinds)
    assert re.search(r'statements;desc="[1-9]\d* statements"', header)


def test_production_sends_it_to_staff_only(client: Client) -> None:
    assert "Server-Timing" not in client.get("/").headers
    client.force_login(UserFactory())
    assert "Server-Timing" not in client.get("/").headers
    client.force_login(UserFactory(is_staff=True))
    assert "db;dur=" in client.get("/").headers["Server-Timing"]


def test_it_does_not_load_the_user(client: Client, django_assert_num_queries) -> None:
    client.force_login(UserFactory(is_staff=True))
    with django_assert_num_queries(0):
        client.get("/static/nothing.css")


def test_statements_are_counted_per_request() -> None:
    with request_cost.measuring(timed=False) as cost, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT 1")
    assert cost.statements == 2
    assert cost.milliseconds == {}


def test_nothing_is_timed_unless_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_clock() -> float:
        raise AssertionError("The clock was read.")

    with request_cost.measuring(timed=False), connection.cursor() as cursor:
        monkeypatch.setattr(request_cost.time, "perf_counter", no_clock)
        cursor.execute("SELECT 1")
        with request_cost.time_spent("cache"):
            pass
        monkeypatch.undo()


def test_an_incoming_request_id_is_kept(client: Client) -> None:
    assert client.get("/", headers={"x-request-id": "0123-abcd-from-proxy"}).headers["X-Request-ID"] == (
        "0123-abcd-from-proxy"
    )
    made_up = client.get("/", headers={"x-request-id": "no good id\t"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made_up)
