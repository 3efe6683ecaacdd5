"""Password reset by mail: it does not reveal who has an account, and no one waits for the mail server."""

import re
import smtplib
import time

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token

from config.accounts import emails
from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

RESET = reverse("accounts:password_reset")
DONE = reverse("accounts:password_reset_done")
NEW_PASSWORD = "a stapled donkey"


def _link(body: str) -> str:
    return re.search(r"https?://\S+", body).group()


def _path(link: str, settings) -> str:
    assert link.startswith(settings.SITE_URL)
    return link.removeprefix(settings.SITE_URL)


def test_the_whole_flow(visitor, person, mailoutbox, settings):
    other_browser = Client()
    other_browser.force_login(person)
    token = Token.objects.create(user=person)
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças & Cia Ltda.", "11.222.333/0001-81"

    assert visitor.post(RESET, {"email": "MARIA@example.com"})["Location"] == DONE
    assert "on its way" in visitor.get(DONE).text
    (sent,) = mailoutbox
    assert (sent.to, sent.subject) == (["maria@example.com"], "A new password for Esteira")
    assert "Hello, Ana," in sent.body
    assert sent.body.rstrip().endswith("-- \nLouças & Cia Ltda.\nCNPJ 11.222.333/0001-81")

    path = _path(_link(sent.body), settings)
    form_page = visitor.get(path, follow=True)
    assert form_page.context["validlink"]
    form_address = form_page.request["PATH_INFO"]
    weak = visitor.post(form_address, {"password": "12345"})
    assert "too short" in str(weak.context["form"].errors["password"])
    answer = visitor.post(form_address, {"password": NEW_PASSWORD})
    assert answer["Location"] == reverse("accounts:password_reset_complete")
    assert visitor.get(answer["Location"]).status_code == 200

    person.refresh_from_db()
    assert person.check_password(NEW_PASSWORD)
    assert visitor.session["_auth_user_id"] == str(person.pk)
    assert not Token.objects.filter(pk=token.pk).exists(), "apps are signed out"
    assert other_browser.get(reverse("accounts:sign_in")).status_code == 200, "so are other browsers"
    assert not Client().get(path, follow=True).context["validlink"], "the link works once"


@pytest.mark.parametrize("make", [None, {"is_active": False}, {"password": make_password(None)}])
def test_the_response_does_not_reveal_who_has_an_account(visitor, make, mailoutbox):
    if make is not None:
        UserFactory(email="joao@example.com", **make)
    assert visitor.post(RESET, {"email": "joao@example.com"})["Location"] == DONE
    assert mailoutbox == []


@pytest.mark.parametrize("path", ["password/x/y/", "password/MQ/set-password/", "password/MQ/a-b/"])
def test_an_invalid_link_is_explained(visitor, person, path):
    page = visitor.get(reverse("accounts:sign_in").replace("sign-in/", path))
    assert page.status_code == 200
    assert not page.context["validlink"]
    assert "no longer works" in page.text


def test_one_mailbox_is_not_filled_from_many_networks(person, mailoutbox, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_up": "2/h"}
    for number in range(4):
        answer = Client().post(RESET, {"email": person.email.upper()}, REMOTE_ADDR=f"10.9.8.{number}")
        assert answer["Location"] == DONE
    assert len(mailoutbox) == 2


def test_the_link_ignores_the_host_header(person, mailoutbox, settings):
    settings.ALLOWED_HOSTS = ["*"]
    Client().post(RESET, {"email": person.email}, headers={"host": "evil.example"})
    assert "evil" not in mailoutbox[0].body


def test_in_the_readers_language(person, mailoutbox):
    Client().post(RESET, {"email": person.email}, headers={"accept-language": "pt-BR"})
    Client().post(RESET, {"email": person.email}, headers={"accept-language": "en"})
    assert mailoutbox[1].subject == "A new password for Esteira"
    assert len(mailoutbox) == 2


def test_without_broker_and_mail_server_the_page_still_answers(visitor, person, monkeypatch, caplog, broker_down):
    def refuse(*args, **kwargs):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(mail.backends.locmem.EmailBackend, "send_messages", refuse)
    assert visitor.post(RESET, {"email": person.email})["Location"] == DONE
    assert "Neither the broker nor the mail server" in caplog.text


@pytest.mark.parametrize("broker_down", ["refused", "hanging"], indirect=True)
def test_without_a_broker_the_mail_is_sent_in_the_request(visitor, person, mailoutbox, broker_down):
    started = time.monotonic()
    assert visitor.post(RESET, {"email": person.email})["Location"] == DONE
    assert time.monotonic() - started < 2
    assert len(mailoutbox) == 1


def test_statements_of_a_mail(person, mailoutbox, django_assert_num_queries):
    with django_assert_num_queries(1):
        emails.send_password_reset(person.email, "en")
    assert PASSWORD not in mailoutbox[0].body
