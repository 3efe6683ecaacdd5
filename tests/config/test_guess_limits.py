"""Limits against guessing: sign-in by network, account and device, at every entrance; and the order lookup."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ADMIN, PAGE, API = "admin", "page", "api"


@pytest.fixture(autouse=True)
def limits(settings) -> None:
    settings.RATE_LIMITS = {
        "sign_in": "9/d", "sign_in_network": "3/d", "sign_in_account": "6/d", "sign_in_attacked": "1/d",
        "sign_in_device": "2/d", "find_order": "2/d",
    }  # fmt: skip


def attempt(email: str, password: str = "not this one", *, entrance: str = PAGE, **options: Any) -> Any:
    client = options.pop("client", None) or Client()
    options.setdefault("REMOTE_ADDR", "192.0.2.1")
    if entrance == API:
        body = {"email": email, "password": password}
        return client.post("/api/v1/tokens/", body, content_type="application/json", **options)
    if entrance == ADMIN:
        return client.post(reverse("admin:login"), {"username": email, "password": password}, **options)
    return client.post(reverse("accounts:sign_in"), {"email": email, "password": password}, **options)


@pytest.mark.parametrize("entrance", [PAGE, ADMIN, API])
def test_one_network_has_few_wrong_tries_at_an_account(entrance: str) -> None:
    email = UserFactory(is_staff=True).email
    written = [email, email.upper(), f"{email} ", email]
    addresses = ["192.0.2.1", "192.0.2.77", "192.0.2.200", "192.0.2.1"]
    answers = [attempt(name, entrance=entrance, REMOTE_ADDR=a) for name, a in zip(written, addresses, strict=True)]
    assert 429 not in [answer.status_code for answer in answers[:3]]
    assert answers[3].status_code == 429
    assert int(answers[3]["Retry-After"]) > 0
    # A right password is not told from a wrong one, and another account is not affected.
    assert attempt(email, PASSWORD, entrance=entrance).status_code == 429
    assert attempt("someone.else@example.com", entrance=entrance).status_code != 429


def test_the_entrances_share_the_count() -> None:
    email = UserFactory(is_staff=True).email
    for entrance in (PAGE, ADMIN, API):
        assert attempt(email, entrance=entrance).status_code != 429
    assert {attempt(email, entrance=entrance).status_code for entrance in (PAGE, ADMIN, API)} == {429}


def test_nobody_locks_an_owner_out_who_knows_the_password() -> None:
    """An attack from many networks leaves each of them one try, which is enough for the owner."""
    owner = UserFactory()
    for number in range(30):
        attempt(owner.email, REMOTE_ADDR=f"198.51.{number}.1")
    assert attempt(owner.email, REMOTE_ADDR="198.51.100.1").status_code == 200
    assert attempt(owner.email, REMOTE_ADDR="198.51.100.1").status_code == 429
    assert attempt(owner.email, PASSWORD, REMOTE_ADDR="203.0.113.5").status_code == 302


def test_a_browser_that_signed_in_before_passes_even_beside_the_attacker() -> None:
    owner, browser = UserFactory(), Client()
    assert attempt(owner.email, PASSWORD, client=browser).status_code == 302
    browser.post(reverse("accounts:sign_out"))
    for _number in range(20):
        attempt(owner.email)
    assert attempt(owner.email, PASSWORD).status_code == 429
    assert attempt(owner.email, PASSWORD, client=browser).status_code == 302


def test_a_stolen_cookie_gives_few_tries_and_only_at_its_account() -> None:
    owner, browser = UserFactory(), Client()
    attempt(owner.email, PASSWORD, client=browser)
    browser.post(reverse("accounts:sign_out"))
    assert [attempt(owner.email, client=browser).status_code for _n in range(6)] == [200, 200, 200, 200, 200, 429]
    other = UserFactory()
    assert [attempt(other.email, client=browser).status_code for _n in range(4)] == [200, 200, 200, 429]


def test_an_invented_cookie_is_worth_nothing() -> None:
    owner, browser = UserFactory(), Client()
    browser.cookies["devices"] = "account-1:abc"
    assert [attempt(owner.email, client=browser).status_code for _n in range(4)] == [200, 200, 200, 429]


def test_right_passwords_are_not_counted() -> None:
    owner = UserFactory()
    assert {attempt(owner.email, PASSWORD).status_code for _n in range(12)} == {302}


def test_tries_at_many_accounts_are_counted_by_network() -> None:
    answers = [attempt(f"{n}@example.com", entrance=ADMIN) for n in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    assert int(answers[9]["Retry-After"]) > 0
    assert Client().get(reverse("admin:login")).status_code == 200


def test_an_ipv6_network_is_one_client() -> None:
    answers = [attempt(f"{n}@example.com", REMOTE_ADDR=f"2001:db8:0:1::{n:x}") for n in range(10)]
    assert answers[9].status_code == 429
    assert attempt("x@example.com", REMOTE_ADDR="2001:db8:0:2::1").status_code == 200


def test_without_redis_the_password_decides(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as RedisConnectionError

    def down(*_args: object, **_options: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr("config.rate_limits.get_redis_connection", down)
    owner = UserFactory()
    assert {attempt(owner.email).status_code for _n in range(5)} == {200}
    assert attempt(owner.email, PASSWORD).status_code == 302


def test_order_lookups_are_limited(client: Client) -> None:
    form = {"number": "ABCDEFGHJK", "email": "who@example.com"}
    answers = [client.post(reverse("checkout:find_order"), form) for _n in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert "ABCDEFGHJK" in answers[2].content.decode()
