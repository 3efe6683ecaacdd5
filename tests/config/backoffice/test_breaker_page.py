"""The circuit breaker page: state, history, and closing a circuit by hand."""

from collections.abc import Iterator

import pytest
from django.conf import settings as project_settings
from django.test import Client

from config.audit.models import Entry
from config.resilience.breakers import breaker
from tests.support.backoffice import opened, told
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

PAGE, CLOSE = "/admin/breakers/", "/admin/breakers/stripe/close/"


@pytest.fixture
def tripped() -> Iterator[None]:
    with opened("stripe"):
        yield


@pytest.mark.usefixtures("tripped")
def test_an_open_circuit_shows_why(desk: Client) -> None:
    shown = {one["name"]: one for one in desk.get(PAGE).context["breakers"]}
    assert shown["stripe"]["status"].state == "open"
    assert [(change.state, change.cause) for change in shown["stripe"]["history"]] == [("open", "ProviderFailure")]
    assert shown["postal_codes"]["status"].state == "closed"


@pytest.mark.usefixtures("tripped")
def test_closing_it_by_hand_records_the_reason(desk: Client) -> None:
    assert CLOSE in desk.get(PAGE).content.decode()
    assert desk.post(CLOSE, {"reason": ""}).status_code == 200
    assert breaker("stripe").state == "open", "not without a reason"
    answer = desk.post(CLOSE, {"reason": "the provider is back"}, follow=True)
    assert told(answer) == ["The circuit of stripe is closed again."]
    assert breaker("stripe").state == "closed"
    entry = Entry.objects.get(verb="breaker.close")
    assert (entry.actor, entry.object_name, entry.reason) == (
        "chefe@example.com", "breaker stripe", "the provider is back"
    )  # fmt: skip
    page = answer.content.decode()
    assert "closed by chefe@example.com" in page
    assert "the provider is back" in page
    assert CLOSE not in page, "a closed circuit has no close button"


@pytest.mark.usefixtures("tripped")
def test_viewing_and_closing_are_separate_permissions(desk: Client) -> None:
    reader = staff_with("config.view_machinery")
    assert CLOSE not in reader.get(PAGE).content.decode()
    assert reader.post(CLOSE, {"reason": "x"}).status_code == 403
    assert staff_with("checkout.view_order").get(PAGE).status_code == 403
    assert Client().post(CLOSE, {"reason": "x"})["Location"].startswith("/admin/login/")
    assert breaker("stripe").state == "open"
    assert not Entry.objects.filter(verb="breaker.close").exists()
    assert desk.post("/admin/breakers/nobody/close/", {"reason": "x"}).status_code == 404


def test_without_redis_it_explains_and_refuses(desk: Client, settings) -> None:
    settings.CACHES = {"default": {**project_settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}
    assert "Redis is unavailable" in desk.get(PAGE).content.decode()
    assert "would not see the change" in told(desk.post(CLOSE, {"reason": "x"}, follow=True))[0]
    assert not Entry.objects.filter(verb="breaker.close").exists()
