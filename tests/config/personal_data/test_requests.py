"""The page "Your data": only whoever reads the mail of an address gets at what the shop knows of it, and once."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone, translation

from checkout.models import Order, OrderStatus
from config.accounts.models import User
from config.personal_data import data_requests, emails
from config.personal_data.models import DataRequest, Wish
from config.personal_data.tasks import deal_with_data_requests
from tests.support.backoffice import order
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.pages import Visitor
from tests.support.traces import traces_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps")]

EMAIL = "ana@example.com"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def placed() -> Order:
    made = order()
    Order.objects.filter(pk=made.pk).update(status=OrderStatus.DELIVERED)
    return made


def mailed_link(wish: str = Wish.COPY, email: str = EMAIL) -> str:
    data_requests.ask(email, Wish(wish), "en")
    deal_with_data_requests()
    return link_in(mail.outbox[-1])


def link_in(message: Any) -> str:
    found = re.search(r"/account/data/link/\?key=\S+", message.body)
    assert found
    return found[0]


def test_a_copy_by_the_mailed_link(visitor: Visitor) -> None:
    made = placed()
    asked = visitor.open("/account/data/").send("/account/data/", email="Ana@Example.com", wish="copy")
    assert "a link is on its way" in asked.html
    deal_with_data_requests()
    (message,) = mail.outbox
    assert message.to == [EMAIL]
    link = link_in(message)
    page = visitor.open(link)
    assert visitor.open(link).status == 200, "looking uses nothing up"
    assert "A copy of your data" in page.html
    file = visitor.client.post(link)
    assert file["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert "no-store" in file["Cache-Control"]
    assert [one["number"] for one in json.loads(file.content)["orders"]] == [made.number]
    assert not DataRequest.objects.exists()
    again = visitor.client.post(link)
    assert again.status_code == visitor.open(link).status == 404
    assert made.number not in again.content.decode()


def test_erasing_by_the_mailed_link(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    placed()
    UserFactory(email=EMAIL)
    visitor.open("/account/sign-in/").send("/account/sign-in/", email=EMAIL, password=PASSWORD)
    page = visitor.open("/account/data/")
    assert f'value="{EMAIL}"' in page.html
    with caplog.at_level(logging.DEBUG):
        page.send("/account/data/", email=EMAIL, wish="erase")
        deal_with_data_requests()
        link = link_in(mail.outbox[-1])
        done = visitor.open(link).send("/account/data/link/")
        assert "Your data is being erased" in done.html
        assert visitor.client.post(link).status_code == 404
        deal_with_data_requests()
    assert not User.objects.exists()
    assert traces_of([EMAIL]) == {}
    assert EMAIL not in caplog.text
    assert "My orders" not in visitor.open("/").html


def test_an_erasure_waits_for_the_order_under_way() -> None:
    made = order()
    Client().post(mailed_link(Wish.ERASE))
    deal_with_data_requests()
    waiting = DataRequest.objects.get()
    made.refresh_from_db()
    assert made.email == EMAIL
    Order.objects.filter(pk=made.pk).update(status=OrderStatus.DELIVERED)
    deal_with_data_requests()
    assert DataRequest.objects.get().due_at == waiting.due_at, "not yet"
    with time_machine.travel(waiting.due_at + timedelta(seconds=1), tick=False):
        deal_with_data_requests()
    assert traces_of([EMAIL]) == {}


def test_nobody_is_mailed_whom_the_shop_does_not_know(visitor: Visitor) -> None:
    placed()
    known = visitor.open("/account/data/").send("/account/data/", email=EMAIL, wish="copy")
    unknown = visitor.open("/account/data/").send("/account/data/", email="nobody@example.com", wish="copy")
    assert (known.status, known.url) == (unknown.status, unknown.url)
    deal_with_data_requests()
    assert [message.to for message in mail.outbox] == [[EMAIL]]
    assert [request.email for request in DataRequest.objects.all()] == [EMAIL]


def test_signing_in_alone_opens_nothing(visitor: Visitor) -> None:
    UserFactory(email=EMAIL)
    visitor.open("/account/sign-in/").send("/account/sign-in/", email=EMAIL, password=PASSWORD)
    for key in ("", "?key=", "?key=x"):
        assert visitor.open(f"/account/data/link/{key}").status == 404
        assert visitor.client.post(f"/account/data/link/{key}").status_code == 404
    assert User.objects.exists()


def test_the_link_ends_after_a_day_and_with_the_next_one() -> None:
    placed()
    first = mailed_link()
    second = mailed_link()
    assert Client().get(first).status_code == 404
    with time_machine.travel(timezone.now() + timedelta(hours=23), tick=False):
        assert Client().get(second).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert Client().get(second).status_code == 404
        assert Client().post(second).status_code == 404


def test_the_database_holds_no_key_of_a_link() -> None:
    placed()
    key = mailed_link().rpartition("=")[2]
    assert traces_of([key]) == {}
    assert DataRequest.objects.get().digest


def test_a_link_fulfils_no_other_wish() -> None:
    placed()
    key = mailed_link(Wish.COPY).rpartition("=")[2]
    with pytest.raises(data_requests.LinkNotValid):
        data_requests.confirm_erasure(key)
    assert data_requests.look_up(key)


def test_a_mail_that_does_not_go_out_is_tried_again_and_names_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(f"{EMAIL} refused")

    placed()
    with monkeypatch.context() as broken:
        broken.setattr(emails, "send_link", refuse)
        data_requests.ask(EMAIL, Wish.COPY, "en")
        deal_with_data_requests()
    assert "OSError" in caplog.text
    assert EMAIL not in caplog.text
    due = DataRequest.objects.get().due_at
    assert due is not None
    with time_machine.travel(due + timedelta(seconds=1), tick=False):
        deal_with_data_requests()
        assert Client().get(link_in(mail.outbox[-1])).status_code == 200


def test_staff_are_told_why_not(visitor: Visitor) -> None:
    UserFactory(email=EMAIL, is_staff=True)
    answer = visitor.client.post(mailed_link(Wish.ERASE))
    assert answer.status_code == 409
    assert "member of staff" in answer.content.decode()
    assert User.objects.exists()


def test_one_mailbox_gets_only_so_many(visitor: Visitor, settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_up": "2/h"}
    placed()
    for number in range(4):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        assert client.post("/account/data/", {"email": EMAIL, "wish": "copy"}).status_code == 302
        deal_with_data_requests()
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("typed", [{"email": "ana"}, {"email": EMAIL, "wish": "all"}, {}])
def test_what_cannot_be_read_is_said(visitor: Visitor, typed: dict[str, str]) -> None:
    answer = visitor.client.post("/account/data/", typed)
    assert answer.status_code == 422
    assert not DataRequest.objects.exists()


@pytest.mark.parametrize("wish", list(Wish))
def test_the_mail_is_in_the_persons_language_and_says_who_sells(wish: Wish, settings: Any) -> None:
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças & Cia Ltda.", "11.222.333/0001-81"
    placed()
    data_requests.ask(EMAIL, wish, "pt-br")
    deal_with_data_requests()
    body = mail.outbox[-1].body
    assert "O link vale uma única vez" in body
    assert body.rstrip().endswith("-- \nLouças & Cia Ltda.\nCNPJ 11.222.333/0001-81")
