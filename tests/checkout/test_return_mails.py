"""A return is acknowledged at once and answered by mail: in the order's language, as text and HTML, once."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from checkout import outbox, returns, services, shipments
from checkout.models import Order, OutboxMessage, Return, Shipment, ShipmentStatus
from checkout.returns import Found
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def sent(mailoutbox: list[Any]) -> list[Any]:
    """The mails about returns that the relay sends now."""
    mailoutbox.clear()
    outbox.relay()
    return [mail for mail in mailoutbox if "-return-" in mail.extra_headers["Message-ID"]]


def bodies(mail: Any) -> list[str]:
    (part,) = mail.alternatives
    assert part[1] == "text/html"
    return [mail.body, str(part[0])]


def ask(order: Order, *units: int) -> Return:
    lines = [line.pk for line in order.lines.order_by("pk")]
    return returns.ask_return(order, dict(zip(lines, units, strict=False)), "Ana Souza says no", key=uuid4())


def deliver(order: Order, days_ago: int) -> None:
    services.mark_shipped(order)
    at = timezone.now() - timedelta(days=days_ago)
    shipments.record_news(Shipment.objects.get(order=order), ShipmentStatus.DELIVERED, at=at)


@pytest.fixture(params=["pt-br", "en"])
def order(request: pytest.FixtureRequest) -> Order:
    return order_of(ready_cart(2, quantity=2), language=request.param)


WORDS = {
    "withdrawal": {
        "pt-br": "Recebemos a sua desistência do pedido",
        "en": "We have received your withdrawal from order",
    },
    "request": {"pt-br": "Recebemos a sua solicitação de devolução", "en": "We have received your request to return"},
    "how": {"pt-br": "Como devolver os produtos do pedido", "en": "How to return your products of order"},
    "refused": {"pt-br": "Sobre a sua solicitação de devolução", "en": "About your request to return"},
}


def check(mail: Any, order: Order, what: str, asked: Return) -> None:
    assert WORDS[what][order.language] in mail.subject
    assert (mail.to, order.number in mail.subject) == ([order.email], True)
    first = order.lines.order_by("pk")[0]
    for body in bodies(mail):
        assert asked.number in body
        assert f"1 × {first.name}" in body
        assert f"/orders/{order.number}/" in body
        assert not re.search(r"%\(|\{\{|None", body)
        assert "Ana Souza says no" not in body
        if order.language == "pt-br":
            assert not re.search(r"\b(your|the|order|return|reply|send)\b", mail.subject + mail.body)


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_withdrawal_is_acknowledged_with_its_number(order: Order, is_sent: bool, mailoutbox: list[Any]) -> None:
    if is_sent:
        services.mark_shipped(order)
    asked = ask(order, 1)
    (mail,) = sent(mailoutbox)
    check(mail, order, "withdrawal", asked)
    how = "como enviar" if order.language == "pt-br" else "how to send them back"
    assert (how in mail.body) is is_sent


def test_a_request_is_acknowledged_and_answered(order: Order, mailoutbox: list[Any]) -> None:
    deliver(order, 30)
    asked = ask(order, 1)
    (mail,) = sent(mailoutbox)
    check(mail, order, "request", asked)
    returns.answer_return(asked, accepted=True, answer="Rua 1, número 5")
    (mail,) = sent(mailoutbox)
    check(mail, order, "how", asked)
    assert all("Rua 1, número 5" in body for body in bodies(mail))


def test_one_that_is_refused(order: Order, mailoutbox: list[Any]) -> None:
    deliver(order, 30)
    asked = ask(order, 1)
    sent(mailoutbox)
    returns.answer_return(asked, accepted=False, answer="Código 77")
    (mail,) = sent(mailoutbox)
    check(mail, order, "refused", asked)
    assert "Código 77" in mail.body


def test_each_answer_is_a_mail_of_its_own(order: Order, mailoutbox: list[Any]) -> None:
    services.mark_shipped(order)
    asked = ask(order, 1)
    sent(mailoutbox)
    ids = set()
    for answer in ("first", "second"):
        returns.answer_return(asked, accepted=True, answer=answer)
        Return.objects.update(answered_at=timezone.now() + timedelta(seconds=len(ids)))
        (mail,) = sent(mailoutbox)
        assert answer in mail.body
        ids.add(mail.extra_headers["Message-ID"])
    assert len(ids) == 2


def test_how_to_send_it_is_not_told_once_it_is_here(order: Order, mailoutbox: list[Any]) -> None:
    services.mark_shipped(order)
    asked = ask(order, 1)
    sent(mailoutbox)
    returns.answer_return(asked, accepted=True, answer="Here is how.")
    returns.inspect_return(asked, {order.lines.order_by("pk")[0].pk: Found(restocked=1)})
    assert sent(mailoutbox) == []
    assert OutboxMessage.objects.get(kind="return_answered").dropped


def test_asked_twice_with_one_key_it_is_told_once(order: Order, mailoutbox: list[Any]) -> None:
    key, lines = uuid4(), {order.lines.order_by("pk")[0].pk: 1}
    for _ in range(2):
        returns.ask_return(order, lines, key=key)
    assert len(sent(mailoutbox)) == 1
