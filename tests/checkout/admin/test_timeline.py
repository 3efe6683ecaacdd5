"""The timeline of an order: every event, oldest first."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout import outbox, services
from checkout.models import Order, OutboxMessage
from config.audit.models import Entry
from payments.models import RefundStatus
from tests.checkout.admin.test_lists import event_of
from tests.support.backoffice import attempt_of, order, page_of, press, refund_of
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = pytest.mark.django_db


def steps(desk: Client, made: Order) -> list[Any]:
    return list(desk.get(page_of(made)).context["steps"])


def titles(desk: Client, made: Order) -> list[str]:
    return [str(step.text) for step in steps(desk, made)]


def test_a_whole_tax_id_is_seen_by_a_press_that_the_log_tells_of(desk: Client, boss) -> None:
    made = order()
    page = desk.get(page_of(made))
    assert (page.status_code, "***.982.247-**" in page.content.decode()) == (200, True)
    assert "529.982" not in page.content.decode()
    url = reverse("admin:checkout_order_tax_id", args=[made.pk])
    assert desk.get(url).status_code == 405
    assert not Entry.objects.filter(verb="order.see_tax_id").exists()
    page = desk.post(url)
    assert "529.982.247-25" in page.content.decode()
    assert "Looked at the whole CPF or CNPJ" in [str(step.text) for step in page.context["steps"]]
    entry = Entry.objects.get(verb="order.see_tax_id")
    assert (entry.actor_id, entry.reference, entry.after) == (boss.pk, made.number, None)
    assert "529.982" not in desk.get(page_of(made)).content.decode(), "once a press"


@pytest.mark.usefixtures("sandbox")
def test_an_order_bought_shipped_and_refunded(desk: Client, boss, mailoutbox) -> None:
    made = order_of(ready_cart())
    event_of(attempt_of(made))
    outbox.relay()
    press(desk, "resend", made)
    services.refund_order(made, amount=made.total, reason="torn", restock=True, idempotency_key="k", by=boss)
    assert titles(desk, made) == [
        "Order placed",
        "Goods reserved",
        "Payment requested from the provider",
        "Approved",
        "Paid",
        "Goods sold",
        "Order confirmation",
        "Webhook received",
        "Resent a mail",
        "Requested restocking",
        "Refund of R$\u00a059.90 started",
        "Order cancelled",
        "Succeeded",
        "Refund paid",
        "Refunded",
        "Goods back in stock",
    ]
    moments = [step.at for step in steps(desk, made)]
    assert moments == sorted(moments)
    started = next(step for step in steps(desk, made) if "started" in str(step.text))
    assert (started.by, started.detail) == ("chefe@example.com", "torn")


def test_a_declined_order(desk: Client) -> None:
    assert titles(desk, order("declined"))[-3:] == ["Declined", "Cancelled", "Goods released"]


def test_an_order_with_an_unknown_outcome(desk: Client) -> None:
    made = order("unknown")
    last = steps(desk, made)[-1]
    assert (str(last.text), last.tone) == ("Unknown", "bad")


def test_mails_that_fail(desk: Client) -> None:
    made = order()
    OutboxMessage.objects.update(tries=4, last_error="ConnectionRefusedError: [Errno 111]")
    (mail,) = (step for step in steps(desk, made) if str(step.kind) == "mail")
    assert mail.tone == "bad"
    assert mail.detail == "tries: 4 · ConnectionRefusedError: [Errno 111]"


def test_mails_that_were_sent(desk: Client, mailoutbox) -> None:
    made = order()
    outbox.relay()
    due, sent = (step for step in steps(desk, made) if str(step.kind) == "mail")
    assert (due.detail, sent.detail) == ("due", "sent · tries: 1")


def test_an_open_refund_can_be_retried_from_here(desk: Client) -> None:
    made = order()
    refund = refund_of(made, status=RefundStatus.UNKNOWN)
    link = f"{reverse('admin:checkout_order_refund', args=[made.pk])}?again={refund.pk}"
    assert link in desk.get(page_of(made)).content.decode()


def test_an_expired_hold_shows_when_it_was_released(desk: Client) -> None:
    made = order("action")
    from inventory.models import Reservation

    past = timezone.now() - timedelta(minutes=1)
    Reservation.objects.filter(reference=made.number).update(status="released", expires_at=past)
    released = next(step for step in steps(desk, made) if str(step.text) == "Goods released")
    assert released.at == past


def test_other_orders_do_not_appear(desk: Client) -> None:
    made, other = order(), order()
    press(desk, "ship", other)
    assert "Marked as shipped" in titles(desk, other)
    assert "Marked as shipped" not in titles(desk, made)
