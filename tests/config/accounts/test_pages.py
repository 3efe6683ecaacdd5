"""The pages to sign up, in and out."""

import re

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from django.urls import reverse

from config.accounts.models import User
from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SIGN_IN, SIGN_UP, SIGN_OUT = (reverse(f"accounts:{name}") for name in ("sign_in", "sign_up", "sign_out"))
HELP = reverse("help")


def _signed_in_as(client: Client) -> User | None:
    return User.objects.filter(pk=client.session.get(SESSION_KEY)).first()


@pytest.mark.parametrize("address", [SIGN_IN, SIGN_UP])
def test_pages_open_in_both_languages(client, address):
    assert 'lang="pt-BR"' in client.get(address, headers={"accept-language": "pt-BR"}).text
    page = client.get(address, headers={"accept-language": "en"})
    assert 'lang="en"' in page.text
    assert "no-store" in page["Cache-Control"]


def test_signing_in_takes_the_address_in_any_case(visitor, person):
    visitor.get(HELP)
    answer = visitor.post(SIGN_IN, {"email": " MARIA@Example.com ", "password": PASSWORD, "next": HELP})
    assert answer["Location"] == HELP
    assert _signed_in_as(visitor) == person


def test_without_a_next_page_it_redirects_to_the_orders(visitor, person):
    answer = visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD})
    assert answer["Location"] == reverse("checkout:orders")


@pytest.mark.parametrize("credentials", [("maria@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
def test_wrong_address_and_wrong_password_look_the_same(visitor, person, credentials):
    answer = visitor.post(SIGN_IN, dict(zip(("email", "password"), credentials, strict=True)))
    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors() == [
        "This e-mail and password do not match. Check both, or ask for a new password."
    ]
    assert _signed_in_as(visitor) is None


def test_a_closed_account_cannot_sign_in(visitor):
    UserFactory(email="gone@example.com", is_active=False)
    assert visitor.post(SIGN_IN, {"email": "gone@example.com", "password": PASSWORD}).status_code == 200
    assert _signed_in_as(visitor) is None


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http://testserver.evil.example/",
        SIGN_IN,
        f"{SIGN_UP}?next=/",
        SIGN_OUT,
        "?a=b",
        "#top",
        "nowhere/",
    ],
)
def test_next_leads_only_to_pages_of_this_shop(visitor, person, target):
    typed = {"email": person.email, "password": PASSWORD, "next": target}
    assert visitor.post(SIGN_IN, typed)["Location"] == reverse("checkout:orders")
    # Once signed in, these pages redirect at once: no loop, no open redirect.
    for entrance in (SIGN_IN, SIGN_UP):
        assert visitor.get(entrance, {"next": target})["Location"] == reverse("checkout:orders")


def test_the_session_key_changes_at_sign_in_against_fixation(visitor, person):
    session = visitor.session
    session["planted"] = True
    session.save()
    before = session.session_key
    visitor.cookies["sessionid"] = before
    visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD})
    assert visitor.session.session_key != before
    assert visitor.session["planted"]


@pytest.mark.parametrize(("remember", "until_the_browser_closes"), [({"remember": "on"}, False), ({}, True)])
def test_staying_signed_in_is_optional(visitor, person, remember, until_the_browser_closes):
    visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD, **remember})
    assert visitor.session.get_expire_at_browser_close() is until_the_browser_closes


def test_signing_out_takes_a_post(visitor, person):
    visitor.force_login(person)
    assert visitor.get(SIGN_OUT).status_code == 405
    assert _signed_in_as(visitor) == person
    answer = visitor.post(SIGN_OUT, follow=True)
    assert "You have signed out" in answer.text
    assert _signed_in_as(visitor) is None


@pytest.mark.parametrize("target", ["?a=b", "#top", "\\n"])
def test_signing_out_does_not_lead_to_where_it_cannot_be_opened(visitor, person, target):
    visitor.force_login(person)
    assert visitor.post(SIGN_OUT, {"next": target})["Location"] == reverse("inventory:catalogue")


def test_forms_need_the_csrf_token(person):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(SIGN_IN, {"email": person.email, "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize(("scope", "address", "usual"), [("sign_in", SIGN_IN, 200), ("sign_up", SIGN_UP, 302)])
def test_too_many_attempts_are_throttled_and_input_is_kept(visitor, person, scope, address, usual, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, scope: "2/h"}
    typed = {"email": "joao@example.com", "password": "wrong"}
    assert [visitor.post(address, typed).status_code for _ in range(3)] == [usual, usual, 429]
    right = {"email": person.email, "password": PASSWORD}
    answer = visitor.post(address, right)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 3600
    assert "Too many tries" in answer.text
    assert right["email"] in answer.text
    assert PASSWORD not in answer.text
    assert _signed_in_as(visitor) is None
    # Other addresses are not affected, and a forged header does not make another address.
    assert visitor.post(address, typed, headers={"x-forwarded-for": "10.9.8.7"}).status_code == 429
    assert visitor.post(address, typed, REMOTE_ADDR="10.9.8.7").status_code == usual


def test_signing_in_sends_the_signal_that_merges_carts(visitor, person, mailoutbox, settings):
    received = []

    def listen(sender, request, user, **kwargs):
        received.append((user, request.COOKIES.get("guest")))

    user_logged_in.connect(listen)
    try:
        visitor.cookies["guest"] = "cart"
        visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD})
        visitor.post(SIGN_OUT)
        visitor.cookies["guest"] = "cart"
        visitor.post(SIGN_UP, {"email": "joao@example.com"})
        link = re.search(rf"{settings.SITE_URL}(\S+)", mailoutbox[0].body).group(1)
        visitor.post(link, {"full_name": "João", "password": PASSWORD})
    finally:
        user_logged_in.disconnect(listen)
    assert [cookie for _user, cookie in received] == ["cart", "cart"]
