"""Fuzzing the account forms: any input gets a page or a problem document, never a 500."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.support.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db

words = st.one_of(
    st.text(max_size=300),
    st.sampled_from(["", "maria@example.com", "a@b", "x" * 10_000, "\x00", "İ@example.com", "é@exämple.com", PASSWORD]),
    st.emails(),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
noisy = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def no_limits(settings) -> None:
    settings.RATE_LIMITS = {}


@pytest.mark.parametrize("form", ["sign_in", "sign_up", "password_reset"])
def test_pages_survive_any_text(form, person, mailoutbox):
    @noisy
    @given(full_name=words, email=words, password=words, next_page=words)
    @example(full_name="a", email="İ@example.com", password="quatro-palavras", next_page="/\r\nX: y")
    def check(full_name: str, email: str, password: str, next_page: str) -> None:
        typed = {"full_name": full_name, "email": email, "password": password, "next": next_page}
        printable = {name: text.encode("utf-8", "replace").decode() for name, text in typed.items()}
        answer = Client().post(reverse(f"accounts:{form}"), printable)
        assert answer.status_code in (200, 302)
        assert "evil" not in answer.headers.get("Location", "")

    check()


@pytest.mark.parametrize(("method", "address"), [("post", "accounts"), ("post", "tokens"), ("patch", "me")])
def test_the_api_survives_any_json(method, address, person):
    @noisy
    @given(
        body=anything
        | st.fixed_dictionaries({"email": anything, "password": anything}, optional={"full_name": anything})
    )
    @example(body={"full_name": "\ud800"})
    @example(body={"email": "\ud800@example.com", "password": "\ud800" * 20})
    def check(body: object) -> None:
        app = APIClient()
        if address == "me":
            app.force_authenticate(person)
        answer = getattr(app, method)(f"/api/v1/{address}/", json.dumps(body), content_type="application/json")
        assert answer.status_code < 500
        assert answer.status_code < 300 or answer.json()["code"] in ("invalid", "wrong_credentials")

    check()
