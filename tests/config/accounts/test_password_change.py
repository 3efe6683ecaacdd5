"""A new password for whoever is signed in and knows the old one."""

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse

from config.accounts.models import User
from tests.support.factories.accounts import PASSWORD, UserFactory, token_for

pytestmark = pytest.mark.django_db

CHANGE = reverse("accounts:password_change")
ORDERS, SIGN_IN = reverse("checkout:orders"), reverse("accounts:sign_in")
NEW_PASSWORD = "a stapled donkey"
TYPED = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD}


@pytest.fixture
def at_home(visitor: Client, person: User) -> Client:
    visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD})
    assert visitor.get(ORDERS).status_code == 200
    return visitor


def _has(person: User, password: str) -> bool:
    return User.objects.get(pk=person.pk).check_password(password)


def test_this_browser_stays_and_all_others_and_apps_are_signed_out(
    at_home, person, mailoutbox, django_capture_on_commit_callbacks
):
    elsewhere, app = Client(), Client(headers={"authorization": f"Token {token_for(person)}"})
    elsewhere.force_login(person)
    assert [elsewhere.get(ORDERS).status_code, app.get("/api/v1/me/").status_code] == [200, 200]
    key = at_home.session.session_key

    page = at_home.get(CHANGE)
    assert "no-store" in page["Cache-Control"]
    assert PASSWORD not in page.text
    with django_capture_on_commit_callbacks(execute=True):
        answer = at_home.post(CHANGE, TYPED)
    assert answer["Location"] == reverse("accounts:devices")
    assert "Your new password is saved" in at_home.get(answer["Location"]).text

    assert _has(person, NEW_PASSWORD)
    assert at_home.get(ORDERS).status_code == 200
    assert at_home.session.session_key != key
    assert [elsewhere.get(ORDERS).status_code, app.get("/api/v1/me/").status_code] == [302, 401]


def test_the_owner_is_told_by_mail(at_home, person, mailoutbox, settings):
    at_home.post(CHANGE, TYPED)
    (sent,) = mailoutbox
    assert (sent.to, sent.subject) == ([person.email], "Your password at Esteira was changed")
    assert f"{settings.SITE_URL}{reverse('accounts:password_reset')}" in sent.body
    assert NEW_PASSWORD not in sent.body


def test_the_mail_is_in_the_readers_language(at_home, mailoutbox):
    at_home.post(CHANGE, TYPED, headers={"accept-language": "pt-BR"})
    assert mailoutbox[0].subject == "Sua senha na Esteira foi alterada"


def test_without_a_broker_the_mail_is_sent_in_the_request(at_home, mailoutbox, broker_down):
    assert at_home.post(CHANGE, TYPED).status_code == 302
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"oldpassword": "wrong"}, "oldpassword", "not your current password"),
        ({"oldpassword": ""}, "oldpassword", "Enter a password"),
        ({"password1": ""}, "password1", "Enter a password"),
        ({"password1": "short"}, "password1", "too short"),
        ({"password1": "maria@example.com"}, "password1", "similar"),
        ({"password1": "x" * 257}, "password1", "256"),
    ],
)
def test_errors_are_shown_at_their_field_and_nothing_changes(at_home, person, change, field, words, mailoutbox):
    answer = at_home.post(CHANGE, TYPED | change)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert words in " ".join(answer.context["form"].errors[field])
    assert PASSWORD not in answer.text
    assert _has(person, PASSWORD)
    assert mailoutbox == []


def test_who_found_an_open_browser_cannot_guess_the_password(at_home, person, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_in_device": "2/h", "sign_in_network": "2/h"}
    wrong = TYPED | {"oldpassword": "wrong"}
    assert [at_home.post(CHANGE, wrong).status_code for _ in range(6)][-1] == 429
    assert at_home.post(CHANGE, TYPED).status_code == 429
    assert _has(person, PASSWORD)


def test_only_for_who_is_signed_in_and_with_the_csrf_token(person):
    answer = Client().get(CHANGE)
    assert answer["Location"].startswith(SIGN_IN)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    assert strict.post(CHANGE, TYPED).status_code == 403
    assert _has(person, PASSWORD)


def test_who_has_no_password_is_led_to_the_mail(visitor):
    visitor.force_login(UserFactory(password=make_password(None)))
    assert visitor.get(CHANGE)["Location"] == reverse("accounts:password_reset")


def test_a_page_of_another_site_is_not_the_next_one(at_home):
    answer = at_home.post(CHANGE, TYPED | {"next": "https://evil.example/"})
    assert answer["Location"] == reverse("accounts:devices")
