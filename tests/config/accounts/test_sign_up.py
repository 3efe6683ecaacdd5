"""An account is opened by a mailed link, and nobody learns who has one."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.accounts import services, sign_up, tasks
from config.accounts.exceptions import LinkNotValid
from config.accounts.models import SIGN_UP_LIFE, SignUp, User
from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SIGN_UP, SENT, SIGN_IN = (reverse(f"accounts:{name}") for name in ("sign_up", "sign_up_sent", "sign_in"))
ORDERS, HELP = reverse("checkout:orders"), reverse("help")
NEW = {"full_name": "João Souza", "password": PASSWORD}


def link_in(body: str, settings: Any) -> str:
    """The first link of a mail, as a path of this shop."""
    link = re.search(r"https?://\S+", body).group()
    assert link.startswith(settings.SITE_URL)
    return link.removeprefix(settings.SITE_URL)


def mailed_link(visitor: Client, mailoutbox: list[Any], settings: Any, **typed: str) -> str:
    assert visitor.post(SIGN_UP, {"email": "Joao@Example.com", **typed})["Location"] == SENT
    return link_in(mailoutbox[-1].body, settings)


def test_the_whole_flow(visitor, mailoutbox, settings):
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças & Cia Ltda.", "11.222.333/0001-81"
    link = mailed_link(visitor, mailoutbox, settings, next=HELP)
    assert "on its way" in visitor.get(SENT).text
    (sent,) = mailoutbox
    assert (sent.to, sent.subject) == (["joao@example.com"], "Your account at Esteira")
    assert sent.body.rstrip().endswith("-- \nLouças & Cia Ltda.\nCNPJ 11.222.333/0001-81")
    assert "joao" not in link
    assert not User.objects.exists()

    page = visitor.get(link)
    assert "no-store" in page["Cache-Control"]
    assert "joao@example.com" in page.text
    answer = visitor.post(link, NEW)
    assert answer["Location"] == HELP
    user = User.objects.get()
    assert (user.email, user.full_name, user.check_password(PASSWORD)) == ("joao@example.com", "João Souza", True)
    assert visitor.session[SESSION_KEY] == str(user.pk)
    assert "Welcome, João" in visitor.get(HELP).text
    assert EmailAddress.objects.values_list("user", "email", "verified", "primary").get() == (
        user.pk, "joao@example.com", True, True,
    )  # fmt: skip
    assert not SignUp.objects.exists()


def test_in_another_browser_it_leads_to_the_orders(visitor, mailoutbox, settings):
    link = mailed_link(visitor, mailoutbox, settings, next=HELP)
    assert Client().post(link, NEW)["Location"] == ORDERS


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", SIGN_IN])
def test_next_leads_only_to_pages_of_this_shop(visitor, mailoutbox, settings, target):
    link = mailed_link(visitor, mailoutbox, settings, next=target)
    assert visitor.post(link, NEW)["Location"] == ORDERS


@pytest.mark.parametrize("make", [{}, {"is_active": False}, {"password": make_password(None)}])
def test_the_answer_is_the_same_for_an_address_that_has_an_account(make, mailoutbox):
    UserFactory(email="maria@example.com", **make)
    answers = []
    for email in ("maria@example.com", "nobody@example.com"):
        browser = Client(headers={"accept-language": "en"})
        answer = browser.post(SIGN_UP, {"email": email})
        page = browser.get(answer["Location"])
        answers.append(
            (answer.status_code, answer["Location"], page.status_code, page.context["user"].is_authenticated)
        )
    assert answers[0] == answers[1] == (302, SENT, 200, False)
    assert ["nobody@example.com"] in [mail.to for mail in mailoutbox]


def test_the_request_never_looks_for_an_account(person, visitor, monkeypatch):
    """So its time cannot tell either: only the worker reads the table of accounts."""
    monkeypatch.setattr(tasks, "send_sign_up_soon", lambda wish_id: None)
    statements = []
    for email in (person.email, "nobody@example.com"):
        with CaptureQueriesContext(connection) as seen:
            assert visitor.post(SIGN_UP, {"email": email})["Location"] == SENT
        statements.append([re.sub(r"'[^']*'", "…", said["sql"]) for said in seen])
        visitor.cookies.clear()
    assert not [said for said in statements[0] if "accounts_user" in said]
    assert len(statements[0]) == len(statements[1])


def test_the_owner_of_an_account_is_told(person, visitor, mailoutbox, settings):
    visitor.post(SIGN_UP, {"email": "MARIA@example.com"})
    (sent,) = mailoutbox
    assert sent.to == [person.email]
    assert "You already have one" in sent.body
    assert f"{settings.SITE_URL}{SIGN_IN}" in sent.body
    assert not SignUp.objects.exists()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_a_closed_account_gets_no_mail(visitor, mailoutbox):
    UserFactory(email="gone@example.com", is_active=False)
    assert visitor.post(SIGN_UP, {"email": "gone@example.com"})["Location"] == SENT
    assert mailoutbox == []
    assert not SignUp.objects.exists()


def test_the_mail_is_in_the_readers_language(mailoutbox):
    Client().post(SIGN_UP, {"email": "joao@example.com"}, headers={"accept-language": "pt-BR"})
    assert mailoutbox[0].subject == "Sua conta na Esteira"


def test_the_queue_holds_neither_address_nor_link(visitor, monkeypatch):
    queued = []
    monkeypatch.setattr(tasks.send_sign_up, "delay", lambda *arguments: queued.append(arguments))
    visitor.post(SIGN_UP, {"email": "joao@example.com"})
    assert queued == [(str(SignUp.objects.get().pk),)]


def test_without_a_broker_the_mail_is_sent_in_the_request(visitor, mailoutbox, broker_down):
    assert visitor.post(SIGN_UP, {"email": "joao@example.com"})["Location"] == SENT
    assert len(mailoutbox) == 1


def test_one_mailbox_is_not_filled_from_many_networks(mailoutbox, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_up": "2/h"}
    for number in range(4):
        answer = Client().post(SIGN_UP, {"email": "joao@example.com"}, REMOTE_ADDR=f"10.9.8.{number}")
        assert answer["Location"] == SENT
    assert len(mailoutbox) == 2


class TestTheLink:
    def test_works_once(self, visitor, mailoutbox, settings):
        link = mailed_link(visitor, mailoutbox, settings)
        visitor.post(link, NEW)
        for answer in (Client().get(link), Client().post(link, NEW)):
            assert answer.status_code == 404
            assert "no longer works" in answer.content.decode() or "não funciona mais" in answer.content.decode()
        assert User.objects.count() == 1

    def test_is_not_used_up_by_opening_it(self, visitor, mailoutbox, settings):
        """As programs do that look at mail before people."""
        link = mailed_link(visitor, mailoutbox, settings)
        assert [Client().get(link).status_code for _ in range(3)] == [200] * 3
        assert visitor.post(link, NEW).status_code == 302

    def test_ends(self, visitor, mailoutbox, settings):
        link = mailed_link(visitor, mailoutbox, settings)
        with time_machine.travel(timezone.now() + SIGN_UP_LIFE + timedelta(minutes=1), tick=False):
            assert Client().post(link, NEW).status_code == 404
        assert not User.objects.exists()

    def test_of_a_later_mail_takes_its_place(self, visitor, mailoutbox, settings):
        first, second = mailed_link(visitor, mailoutbox, settings), mailed_link(visitor, mailoutbox, settings)
        assert [Client().get(link).status_code for link in (first, second)] == [404, 200]

    def test_is_not_guessed(self, visitor, mailoutbox, settings):
        mailed_link(visitor, mailoutbox, settings)
        SignUp.objects.update(digest="")
        with pytest.raises(LinkNotValid):
            sign_up.address_of("")
        assert Client().get(reverse("accounts:sign_up_finish", args=["x" * 43])).status_code == 404

    def test_does_not_take_over_an_account_that_an_app_has_opened_meanwhile(self, visitor, mailoutbox, settings):
        link = mailed_link(visitor, mailoutbox, settings)
        UserFactory(email="joao@example.com", password=make_password("the app's"))
        answer = visitor.post(link, NEW)
        assert answer.status_code == 200
        assert "already an account" in answer.text
        assert User.objects.get().check_password("the app's")
        assert SESSION_KEY not in visitor.session

    def test_signs_whoever_is_signed_in_out_of_the_other_account(self, person, visitor, mailoutbox, settings):
        link = mailed_link(visitor, mailoutbox, settings)
        visitor.force_login(person)
        visitor.post(link, NEW)
        assert visitor.session[SESSION_KEY] == str(User.objects.get(email="joao@example.com").pk)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"full_name": ""}, "full_name", "on the parcel"),
        ({"full_name": "x" * 121}, "full_name", "120"),
        ({"full_name": "a\x00b"}, "full_name", "Null characters"),
        ({"password": "short"}, "password", "too short"),
        ({"password": "password123"}, "password", "too common"),
        ({"password": "joao@example.com"}, "password", "similar"),
        ({"password": "x" * 257}, "password", "256"),
    ],
)
def test_errors_are_shown_at_their_field_and_input_is_kept(visitor, mailoutbox, settings, change, field, words):
    link = mailed_link(visitor, mailoutbox, settings)
    answer = visitor.post(link, {**NEW, **change})
    assert answer.status_code == 200
    form = answer.context["form"]
    assert words in " ".join(form.errors[field])
    assert list(form.errors) == [field]
    assert form["full_name"].value() == {**NEW, **change}["full_name"]
    assert PASSWORD not in answer.text
    assert not User.objects.exists()
    assert visitor.post(link, NEW).status_code == 302


@pytest.mark.parametrize(("email", "words"), [("nobody", "name@example.com"), ("", "Enter your e-mail")])
def test_an_address_that_is_none_is_refused(visitor, email, words):
    answer = visitor.post(SIGN_UP, {"email": email})
    assert words in " ".join(answer.context["form"].errors["email"])
    assert not SignUp.objects.exists()


def test_a_new_password_by_mail_proves_the_address_too(person, visitor, mailoutbox, settings):
    visitor.post(reverse("accounts:password_reset"), {"email": person.email})
    page = visitor.get(link_in(mailoutbox[0].body, settings), follow=True)
    visitor.post(page.request["PATH_INFO"], {"password": "a stapled donkey"})
    assert EmailAddress.objects.values_list("user", "email", "verified").get() == (person.pk, person.email, True)


def test_proving_ends_what_was_proven_of_an_address_that_changed(person):
    """Staff may have given the address of one account to another."""
    other = UserFactory(email="other@example.com")
    for email in (person.email, "old@example.com"):
        EmailAddress.objects.create(user=other, email=email, verified=True, primary=email == person.email)
    EmailAddress.objects.create(user=person, email="former@example.com", verified=True, primary=True)
    services.prove_address(person)
    services.prove_address(person)
    assert set(EmailAddress.objects.values_list("user", "email", "verified", "primary")) == {
        (person.pk, person.email, True, True),
        (other.pk, "old@example.com", True, False),
    }
