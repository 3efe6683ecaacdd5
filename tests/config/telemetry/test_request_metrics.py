"""What is counted of every request: its response by status, and its time by view, method and status."""

from collections.abc import Callable

import pytest
from django.test import Client
from prometheus_client import REGISTRY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

BY_STATUS = "django_http_responses_total_by_status_total"
DURATION = "http_request_duration_seconds_count"


def added(name: str, labels: dict[str, str], ask: Callable[[], object]) -> float:
    """By how much a series grows while `ask` runs."""
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    ask()
    return (REGISTRY.get_sample_value(name, labels) or 0.0) - before


@pytest.mark.parametrize(
    ("path", "status"),
    [("/help/", "200"), ("/cart/add/", "405"), ("/nowhere/", "404"), ("/api/v1/products/", "200"), ("/api/no/", "404")],
)
def test_every_view_s_response_is_counted_once_by_its_status(path: str, status: str) -> None:
    assert added(BY_STATUS, {"status": status}, lambda: Client().get(path)) == 1


def test_static_files_and_probes_are_no_responses_of_views() -> None:
    for path in ("/static/esteira/esteira.css", "/health/live"):
        assert added(BY_STATUS, {"status": "200"}, lambda path=path: Client().get(path)) == 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "view", "status"),
    [("/help/", "help", "200"), ("/api/v1/products/NONE/", "api:product", "404"), ("/admin/", "admin", "302")],
)
def test_time_is_known_by_view_method_and_status(path: str, view: str, status: str) -> None:
    labels = {"view": view, "method": "GET", "status": status}
    assert added(DURATION, labels, lambda: Client().get(path)) == 1


def test_an_invented_method_makes_no_series_of_its_own() -> None:
    invented = {"view": "help", "method": "BREW", "status": "405"}
    assert added(DURATION, {**invented, "method": "other"}, lambda: Client().generic("BREW", "/help/")) == 1
    assert REGISTRY.get_sample_value(DURATION, invented) is None
