"""The accounts API, called over HTTP as an app would."""

import pytest
from django.contrib.auth.signals import user_logged_in
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from config.accounts.models import User
from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ACCOUNTS, TOKENS, ME = "/api/v1/accounts/", "/api/v1/tokens/", "/api/v1/me/"
NEW = {"email": "Joao@Example.com", "password": PASSWORD, "full_name": "João Souza"}


@pytest.fixture
def app() -> APIClient:
    return APIClient(headers={"accept-language": "en"})


@pytest.fixture
def signed_in(app, person) -> APIClient:
    token = app.post(TOKENS, {"email": person.email, "password": PASSWORD}, format="json").json()["token"]
    app.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return app


def _problem(answer, status: int, code: str) -> dict:
    document = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    return document


def test_signing_up_signs_in(app):
    answer = app.post(ACCOUNTS, NEW, format="json")
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "email", "expires_at"}
    assert answer.json()["email"] == "joao@example.com"
    assert "no-store" in answer.headers["Cache-Control"]
    app.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert app.get(ME).json() == {"email": "joao@example.com", "full_name": "João Souza"}


def test_a_name_is_optional(app):
    assert app.post(ACCOUNTS, {"email": "a@example.com", "password": PASSWORD}, format="json").status_code == 201


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"email": "MARIA@example.com"}, "email", "already an account"),
        ({"email": "nobody"}, "email", "valid email"),
        ({"email": None}, "email", "null"),
        ({"email": f"{'a' * 250}@example.com"}, "email", "254"),
        ({"password": "short"}, "password", "too short"),
        ({"password": "joao@example.com"}, "password", "similar"),
        ({"password": 12345678901}, "password", "valid string"),
        ({"password": "x" * 257}, "password", "256"),
        ({"password": "x" * 20 + "\x00"}, "password", "control characters"),
        ({"full_name": "a" * 121}, "full_name", "120"),
        ({"is_staff": True}, "is_staff", "Unknown field"),
    ],
)
def test_errors_are_reported_by_field(app, person, change, field, words):
    document = _problem(app.post(ACCOUNTS, {**NEW, **change}, format="json"), 422, "invalid")
    assert list(document["errors"]) == [field]
    assert words in document["errors"][field][0]
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "credentials",
    [{"email": "maria@example.com", "password": "wrong"}, {"email": "nobody@example.com", "password": PASSWORD}],
)
def test_wrong_address_and_wrong_password_look_the_same(app, person, credentials):
    answer = app.post(TOKENS, credentials, format="json")
    document = _problem(answer, 401, "wrong_credentials")
    assert document["detail"] == "This e-mail and password do not match. Check both, or ask for a new password."
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert not Token.objects.exists()


def test_a_closed_account_can_neither_sign_in_nor_stay_signed_in(signed_in, person):
    person.is_active = False
    person.save()
    _problem(signed_in.get(ME), 401, "not_authenticated")
    _problem(
        APIClient().post(TOKENS, {"email": person.email, "password": PASSWORD}, format="json"), 401, "wrong_credentials"
    )


def test_a_stale_token_in_the_header_does_not_block_signing_in(app, person):
    app.credentials(HTTP_AUTHORIZATION="Token 0123456789")
    assert app.post(TOKENS, {"email": person.email, "password": PASSWORD}, format="json").status_code == 200
    assert app.post(ACCOUNTS, NEW, format="json").status_code == 201


def test_signing_out_deletes_the_token(signed_in, person):
    assert signed_in.delete(TOKENS).status_code == 204
    assert not Token.objects.exists()
    _problem(signed_in.delete(TOKENS), 401, "not_authenticated")


def test_only_the_name_can_be_changed(signed_in, person):
    other = UserFactory()
    answer = signed_in.patch(ME, {"full_name": " Maria Souza "}, format="json")
    assert answer.json() == {"email": person.email, "full_name": "Maria Souza"}
    assert signed_in.patch(ME, {}, format="json").json()["full_name"] == "Maria Souza"
    for body in ({"email": other.email}, {"is_staff": True}, {"full_name": "x" * 121}, {"full_name": 5}):
        _problem(signed_in.patch(ME, body, format="json"), 422, "invalid")
    person.refresh_from_db()
    assert (person.email, person.full_name, person.is_staff) == ("maria@example.com", "Maria Souza", False)


@pytest.mark.parametrize("method", ["get", "patch"])
def test_anonymous_requests_get_401(app, method):
    answer = getattr(app, method)(ME)
    _problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Token")


@pytest.mark.parametrize("body", ["", "[]", "null", '"x"', "{", "\x00"])
@pytest.mark.parametrize("address", [ACCOUNTS, TOKENS])
def test_an_invalid_body_is_refused(app, address, body):
    answer = app.post(address, body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize(("scope", "address"), [("sign_in", TOKENS), ("sign_up", ACCOUNTS)])
def test_too_many_attempts_are_throttled(app, person, settings, scope, address):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, scope: "2/h"}
    body = {"email": person.email, "password": "wrong"}
    assert [app.post(address, body, format="json").status_code for _ in range(2)] != [429, 429]
    answer = app.post(address, body, format="json")
    _problem(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    # Pages and API share the count.
    page = {TOKENS: "/account/sign-in/", ACCOUNTS: "/account/sign-up/"}[address]
    assert app.post(page, body).status_code == 429


def test_signing_in_sends_the_signal_that_merges_carts(app, person):
    received = []

    def listen(sender, request, user, **kwargs):
        received.append((user, request.headers.get("X-Cart")))

    user_logged_in.connect(listen)
    try:
        app.post(TOKENS, {"email": person.email, "password": PASSWORD}, format="json", headers={"x-cart": "abc"})
    finally:
        user_logged_in.disconnect(listen)
    assert received == [(person, "abc")]
    person.refresh_from_db()
    assert person.last_login is not None
