"""Whoever has an account proves that its address is theirs, by a mailed link, while signed in to it."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.accounts import services, tasks
from config.accounts.models import User
from tests.support.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ASK, DEVICES, SIGN_IN = (reverse(f"accounts:{name}") for name in ("ask_for_confirmation", "devices", "sign_in"))
ORDERS = reverse("checkout:orders")


@pytest.fixture
def at_home(visitor: Client, person: User) -> Client:
    visitor.post(SIGN_IN, {"email": person.email, "password": PASSWORD})
    return visitor


def mailed_link(browser: Client, mailoutbox: list[Any], settings: Any) -> str:
    assert browser.post(ASK)["Location"] == DEVICES
    return re.search(rf"{settings.SITE_URL}(\S+)", mailoutbox[-1].body).group(1)


def test_the_whole_flow(at_home, person, mailoutbox, settings):
    assert "Confirm your e-mail" in at_home.get(DEVICES).text
    link = mailed_link(at_home, mailoutbox, settings)
    assert "on its way" in at_home.get(DEVICES).text
    assert (mailoutbox[0].to, mailoutbox[0].subject) == ([person.email], "Confirm your e-mail at Esteira")
    assert "maria" not in link
    page = at_home.get(link)
    assert "no-store" in page["Cache-Control"]
    assert person.email in page.text
    assert not services.has_proven_address(person), "not by opening it, as programs do that look at mail"
    assert at_home.post(link)["Location"] == ORDERS
    assert "Your e-mail is confirmed" in at_home.get(ORDERS).text
    assert services.has_proven_address(person)
    assert "Confirm your e-mail" not in at_home.get(DEVICES).text


def test_the_link_works_once(at_home, mailoutbox, settings):
    link = mailed_link(at_home, mailoutbox, settings)
    at_home.post(link)
    for answer in (at_home.get(link), at_home.post(link)):
        assert answer.status_code == 404
        assert "no longer works" in answer.text


def test_the_link_ends(at_home, person, mailoutbox, settings):
    link = mailed_link(at_home, mailoutbox, settings)
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1), tick=False):
        at_home.force_login(person)
        assert at_home.post(link).status_code == 404
    assert not services.has_proven_address(person)


def test_a_click_of_the_owner_gives_nothing_to_who_opened_an_account_with_the_address(person, mailoutbox, settings):
    """An app may sign up with anybody's address, and ask for the link that only the owner reads."""
    stranger = Client()
    stranger.force_login(person)
    link = mailed_link(stranger, mailoutbox, settings)
    owner = Client(headers={"accept-language": "en"})
    assert owner.get(link)["Location"].startswith(SIGN_IN)
    assert owner.post(link)["Location"].startswith(SIGN_IN)
    owner.force_login(UserFactory(email="owner@example.com"))
    assert [owner.get(link).status_code, owner.post(link).status_code] == [404, 404]
    assert not EmailAddress.objects.filter(verified=True).exists()
    assert SESSION_KEY in owner.session


def test_the_link_is_of_no_use_once_the_address_has_changed(at_home, person, mailoutbox, settings):
    link = mailed_link(at_home, mailoutbox, settings)
    person.email = "victim@example.com"
    person.save()
    at_home.force_login(person)
    assert at_home.post(link).status_code == 404
    assert not services.has_proven_address(person)


def test_an_address_that_changes_at_that_moment_is_not_proven(at_home, person, mailoutbox, settings, monkeypatch):
    link = mailed_link(at_home, mailoutbox, settings)
    confirm = services.confirm_address

    def changed_meanwhile(address: EmailAddress) -> bool:
        User.objects.filter(pk=person.pk).update(email="victim@example.com")
        return confirm(address)

    monkeypatch.setattr(services, "confirm_address", changed_meanwhile)
    assert at_home.post(link).status_code == 404
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_a_proof_does_not_outlive_a_change_of_the_address(person):
    services.prove_address(person)
    person.email = "victim@example.com"
    person.save()
    assert not services.has_proven_address(person)
    UserFactory(email="maria@example.com")
    services.prove_address(User.objects.get(email="maria@example.com"))
    assert EmailAddress.objects.get().user.email == "maria@example.com"


def test_proven_by_two_accounts_in_turn_it_belongs_to_the_one_that_has_it(at_home, person, mailoutbox, settings):
    """Staff gave the address to another account, and back, while a link was on its way."""
    link = mailed_link(at_home, mailoutbox, settings)
    EmailAddress.objects.create(user=UserFactory(), email=person.email, verified=True, primary=True)
    assert at_home.post(link).status_code == 302
    assert EmailAddress.objects.get().user == person


def test_the_queue_holds_neither_address_nor_link(at_home, person, monkeypatch):
    queued = []
    monkeypatch.setattr(tasks.send_confirmation, "delay", lambda *arguments: queued.append(arguments))
    at_home.post(ASK)
    assert queued == [(EmailAddress.objects.get().pk, "en")]


def test_nothing_is_mailed_once_it_is_proven_or_closed(person, mailoutbox):
    address = services.address_to_prove(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    tasks.send_confirmation(address.pk, "en")
    User.objects.filter(pk=person.pk).update(is_active=True)
    services.prove_address(person)
    tasks.send_confirmation(address.pk, "en")
    assert mailoutbox == []


def test_the_mail_is_in_the_readers_language(at_home, mailoutbox):
    at_home.post(ASK, headers={"accept-language": "pt-BR"})
    assert mailoutbox[0].subject == "Confirme seu e-mail na Esteira"


def test_a_mailbox_is_not_filled(at_home, mailoutbox, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_up": "2/h"}
    assert {at_home.post(ASK).status_code for _ in range(4)} == {302}
    assert len(mailoutbox) == 2


def test_only_by_post_and_only_for_who_is_signed_in(at_home):
    assert at_home.get(ASK).status_code == 405
    assert Client().post(ASK)["Location"].startswith(SIGN_IN)
