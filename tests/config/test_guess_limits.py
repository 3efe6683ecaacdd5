"""Limits against guessing: sign-in by address and by account, the admin's too, and the order lookup."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.support.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limits(settings) -> None:
    settings.RATE_LIMITS = {"sign_in": "3/d", "sign_in_account": "2/d", "find_order": "2/d"}


def guess(client: Client, email: str, address: str) -> int:
    form = {"email": email, "password": "not this one"}
    return client.post(reverse("accounts:sign_in"), form, REMOTE_ADDR=address).status_code


def test_attempts_at_one_account_are_counted_across_addresses(client: Client) -> None:
    email = UserFactory().email
    tried = [guess(client, written, f"192.0.2.{n}") for n, written in enumerate([email, email.upper(), f" {email}"])]
    assert tried[2] == 429
    assert 429 not in tried[:2]
    assert guess(client, "someone.else@example.com", "192.0.2.9") != 429


def test_apps_share_the_count_with_the_pages(client: Client) -> None:
    email = UserFactory().email
    for n in range(2):
        guess(client, email, f"192.0.2.{n}")
    refused = client.post(
        "/api/v1/tokens/", {"email": email, "password": "x"}, content_type="application/json", REMOTE_ADDR="192.0.2.7"
    )
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert int(refused["Retry-After"]) > 0


def test_the_admins_sign_in_is_counted_too(client: Client) -> None:
    """By address, for any account."""
    answers = [
        client.post(reverse("admin:login"), {"username": f"{n}@example.com", "password": "no"}) for n in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3]["Retry-After"]) > 0
    assert client.get(reverse("admin:login")).status_code == 200


def test_the_admins_sign_in_counts_attempts_at_one_account_across_addresses(client: Client) -> None:
    form = {"username": "admin@example.com", "password": "no"}
    answers = [client.post(reverse("admin:login"), form, REMOTE_ADDR=f"192.0.2.{n}") for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_order_lookups_are_limited(client: Client) -> None:
    form = {"number": "ABCDEFGHJK", "email": "who@example.com"}
    answers = [client.post(reverse("checkout:find_order"), form) for _n in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert "ABCDEFGHJK" in answers[2].content.decode()
