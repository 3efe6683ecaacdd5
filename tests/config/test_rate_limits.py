"""Rate limits per user and per address."""

from typing import Any

import pytest
from django.test import Client

from config.rate_limits import parse_rate
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_a_day(settings: Any) -> Any:
    settings.RATE_LIMITS = dict.fromkeys(["reads", "writes", "checkout"], "2/d")
    return settings


@pytest.mark.usefixtures("two_a_day")
class TestLimited:
    def test_too_many_requests(self, app: App) -> None:
        assert [app.get("products/").status_code for _ in range(3)] == [200, 200, 429]
        answer = app.get("products/")
        assert_problem(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 86400

    def test_reads_and_writes_are_counted_separately(self, app: App) -> None:
        assert [app.get("products/").status_code for _ in range(3)] == [200, 200, 429]
        assert [app.post("carts/").status_code for _ in range(3)] == [201, 201, 429]

    def test_so_are_users(self, app: App) -> None:
        ana, rui = App(UserFactory()), App(UserFactory())
        for person in (app, ana, rui):
            assert [person.get("products/").status_code for _ in range(3)] == [200, 200, 429]

    def test_and_addresses(self) -> None:
        for address in ("10.0.0.1", "10.0.0.2"):
            client = Client(REMOTE_ADDR=address)
            assert [client.get("/api/v1/products/").status_code for _ in range(3)] == [200, 200, 429]

    def test_a_forged_address_does_not_help(self) -> None:
        statuses = [
            Client().get("/api/v1/products/", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code
            for number in range(3)
        ]
        assert statuses == [200, 200, 429]

    def test_the_checkout_has_its_own_count(self, app: App) -> None:
        cart = ready_cart()
        refused = [app.check_out(cart, "pm_", key=str(number)) for number in range(3)]
        assert [answer.status_code for answer in refused] == [422, 422, 429]
        assert app.post("carts/").status_code == 201

    def test_a_new_window_begins(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("config.rate_limits.time.time", lambda: 86400 * 20000 - 1.0)
        answers = [app.get("products/") for _ in range(3)]
        assert answers[2].headers["Retry-After"] == "1"
        monkeypatch.setattr("config.rate_limits.time.time", lambda: 86400 * 20000 + 0.1)
        assert app.get("products/").status_code == 200


def test_no_rate_is_no_limit(app: App, settings: Any) -> None:
    settings.RATE_LIMITS = {"reads": None}
    assert {app.get("products/").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize(("rate", "meaning"), [("5/s", (5, 1)), ("20/min", (20, 60)), ("3/h", (3, 3600))])
def test_a_rate(rate: str, meaning: tuple[int, int]) -> None:
    assert parse_rate(rate) == meaning


@pytest.mark.parametrize("rate", ["", "20", "20/minute/2", "-1/s", "many/s", "1/week"])
def test_an_invalid_rate(rate: str) -> None:
    with pytest.raises(ValueError, match="20/min"):
        parse_rate(rate)
