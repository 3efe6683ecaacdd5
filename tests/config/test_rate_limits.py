"""Rate limits per user and per address."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from config.rate_limits import check_proxies, check_rate_limits, network_of, parse_rate
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


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(RequestFactory().get("/", REMOTE_ADDR=address)) == network


@pytest.mark.parametrize(
    ("proxies", "forwarded", "network"),
    [
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1, 192.0.2.9", "198.51.100.1"),
        (2, "198.51.100.1", "198.51.100.1"),
        (1, "198.51.100.1:4711", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::/64"),
        (1, "2001:db8::1", "2001:db8::/64"),
        (1, "", "192.0.2.1"),
    ],
)
def test_the_address_behind_proxies(proxies: int, forwarded: str, network: str, settings: Any) -> None:
    settings.NUM_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert network_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")) == network


def test_an_ipv6_network_counts_as_one(two_a_day: Any) -> None:
    for number, status in ((1, 200), (2, 200), (3, 429)):
        client = Client(REMOTE_ADDR=f"2001:db8::{number}:1")
        assert client.get("/api/v1/products/").status_code == status
    assert Client(REMOTE_ADDR="2001:db8:0:1::1").get("/api/v1/products/").status_code == 200


def test_pages_and_api_share_the_count_of_writes(app: App, two_a_day: Any) -> None:
    assert [app.post("carts/").status_code for _ in range(2)] == [201, 201]
    assert Client().post("/cart/add/", {"sku": "X", "quantity": "1"}).status_code == 429


def test_an_unreadable_rate_is_found_before_the_first_request(settings: Any) -> None:
    settings.RATE_LIMITS = {"writes": "20/minute", "reads": "0/s", "checkout": "5/min", "sign_up": None}
    found = check_rate_limits(app_configs=None)
    assert [problem.msg.split()[0] for problem in found] == ["RATE_LIMIT_WRITES", "RATE_LIMIT_READS"]


@pytest.mark.parametrize(("header", "proxies", "found"), [(("X", "https"), 0, 1), (("X", "https"), 1, 0), (None, 0, 0)])
def test_a_proxy_that_is_not_counted_is_found(header: Any, proxies: int, found: int, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER, settings.NUM_PROXIES = header, proxies
    assert len(check_proxies(app_configs=None)) == found
