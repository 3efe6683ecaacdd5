"""The mail about each step of a parcel: in the order's language, as text and HTML, once."""

import re
from typing import Any

import pytest
from django.utils import timezone

from checkout import outbox, shipments
from checkout.models import MessageKind, Order, OutboxMessage, Shipment, ShipmentStatus
from checkout.retention import ORDERS
from checkout.shipments import ParcelToPost, Tracking
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

CORREIOS = Tracking("Correios", "SEDEX", "QB123456789BR")
STEPS = [ShipmentStatus.DELIVERED, ShipmentStatus.UNDELIVERED, ShipmentStatus.RETURNED]


def sent(mailoutbox: list[Any]) -> list[Any]:
    """The mails about parcels that the relay sends now."""
    mailoutbox.clear()
    outbox.relay()
    return [mail for mail in mailoutbox if "-parcel-" in mail.extra_headers["Message-ID"]]


def html_of(mail: Any) -> str:
    (part,) = mail.alternatives
    assert part[1] == "text/html"
    return str(part[0])


@pytest.fixture(params=["pt-br", "en"])
def order(request: pytest.FixtureRequest) -> Order:
    return order_of(ready_cart(2, quantity=2), language=request.param)


def test_a_posted_parcel(order: Order, mailoutbox: list[Any]) -> None:
    first, second = order.lines.order_by("pk")
    shipments.post_parcel(order, ParcelToPost(CORREIOS, {first.pk: 1}))
    (mail,) = sent(mailoutbox)
    words = "está a caminho" if order.language == "pt-br" else "is on its way"
    other = "vem em outro" if order.language == "pt-br" else "comes in another one"
    assert (mail.to, words in mail.subject, order.number in mail.subject) == ([order.email], True, True)
    for body in (mail.body, html_of(mail)):
        assert other in body
        assert f"1 × {first.name}" in body
        assert second.name not in body
        assert "QB123456789BR" in body
        assert "rastreamento.correios.com.br" in body
        assert f"/orders/{order.number}/" in body
    shipments.post_parcel(order, ParcelToPost())
    (mail,) = sent(mailoutbox)
    assert "Correios" not in mail.body


@pytest.mark.parametrize("step", STEPS)
def test_what_becomes_of_it(order: Order, step: ShipmentStatus, mailoutbox: list[Any]) -> None:
    shipments.post_parcel(order, ParcelToPost(CORREIOS))
    (posted,) = sent(mailoutbox)
    shipments.record_news(Shipment.objects.get(), step)
    (mail,) = sent(mailoutbox)
    assert mail.subject != posted.subject
    assert mail.extra_headers["Message-ID"] != posted.extra_headers["Message-ID"]
    for body in (mail.body, html_of(mail)):
        assert not re.search(r"%\(|\{\{|None", body)
        assert all(line.name in body for line in order.lines.all())
        assert "QB123456789BR" in body


@pytest.mark.parametrize("step", STEPS)
def test_no_english_in_portuguese(step: ShipmentStatus, mailoutbox: list[Any]) -> None:
    order = order_of(ready_cart(), language="pt-br")
    shipments.post_parcel(order, ParcelToPost(CORREIOS))
    shipments.record_news(Shipment.objects.get(), step)
    for mail in sent(mailoutbox):
        assert not re.search(r"\b(your|the|order|parcel|reply)\b", mail.subject + mail.body)


def test_a_mail_that_is_sent_again_is_the_same_and_a_corrected_code_is_another(mailoutbox: list[Any]) -> None:
    order = order_of(ready_cart())
    shipments.post_parcel(order, ParcelToPost(CORREIOS))
    (first,) = sent(mailoutbox)
    OutboxMessage.objects.update(sent_at=None, due_at=timezone.now())
    (again,) = sent(mailoutbox)
    assert again.extra_headers == first.extra_headers
    shipments.correct_tracking(Shipment.objects.get(), Tracking("Correios", "SEDEX", "QB123456780BR"))
    (corrected,) = sent(mailoutbox)
    assert corrected.extra_headers != first.extra_headers
    assert "QB123456780BR" in corrected.body


def test_one_for_each_parcel_in_few_statements(mailoutbox: list[Any], django_assert_max_num_queries: Any) -> None:
    order = order_of(ready_cart(3))
    for line in order.lines.all():
        shipments.post_parcel(order, ParcelToPost(units={line.pk: 1}))
    kinds = OutboxMessage.objects.filter(kind=MessageKind.PARCEL_POSTED)
    assert kinds.count() == 3
    # Two rounds: an empty one for refunds; take, orders, lines, parcels, and a row marked as sent for each mail.
    with django_assert_max_num_queries(4 + 4 + 4 + 4):
        assert len(sent(mailoutbox)) == 3


def test_a_forgotten_order_gets_no_mail_and_keeps_no_code(mailoutbox: list[Any]) -> None:
    order = order_of(ready_cart())
    shipments.post_parcel(order, ParcelToPost(CORREIOS))
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.UNDELIVERED, text="Ana ausente")
    ORDERS.remove(Order.objects.filter(pk=order.pk))
    parcel = Shipment.objects.with_contents().get()
    assert (parcel.tracking_code, parcel.tracking_url) == ("", "")
    assert {event.text for event in parcel.events} == {""}
    before = OutboxMessage.objects.count()
    shipments.record_news(parcel, ShipmentStatus.RETURNED)
    assert OutboxMessage.objects.count() == before
