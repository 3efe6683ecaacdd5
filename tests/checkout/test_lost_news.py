"""Webhooks about refunds and disputes that never come, and charges on which the books differ."""

from datetime import timedelta

import pytest
from django.utils import timezone

from checkout import services
from checkout.models import Order, OrderStatus
from checkout.reconciliation import reconcile
from checkout.settle_webhooks import settle_waiting_events
from payments.models import (
    CHARGES,
    EVENTS,
    ChargeMismatch,
    Dispute,
    PaymentAttempt,
    PaymentStatus,
    ReconcileCursor,
    Refund,
    WebhookEvent,
)
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


@pytest.fixture(autouse=True)
def read_up_to_now(monkeypatch: pytest.MonkeyPatch) -> None:
    for streams in (CHARGES, EVENTS):
        for stream in streams:
            monkeypatch.setitem(streams, stream, -timedelta(seconds=5))


def charge_of(order: Order) -> str:
    return PaymentAttempt.objects.get(payment=order.payment_id).provider_reference


def only(*streams: str) -> None:
    """Read these streams of the last two minutes, and no other, as if they had been read before."""
    now = timezone.now()
    for stream in {**CHARGES, **EVENTS}:
        position = now - timedelta(minutes=2) if stream in streams else now + timedelta(days=1)
        ReconcileCursor.objects.update_or_create(stream=stream, defaults={"position": position})


def test_a_refund_and_a_dispute_whose_webhooks_were_lost(sandbox: Sandbox) -> None:
    refunded, disputed = order_of(ready_cart()), order_of(ready_cart())
    sandbox.refund_by_hand(charge_of(refunded))
    sandbox.dispute(charge_of(disputed))
    only("events")
    reconcile()
    settle_waiting_events()
    assert Order.objects.get(pk=refunded.pk).status == OrderStatus.REFUNDED
    assert Dispute.objects.get().payment == disputed.payment


def test_an_event_is_stored_once_and_a_stranger_s_never(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    sandbox.refund_by_hand(charge_of(order), 100)
    PaymentAttempt.objects.filter(payment=order.payment_id).update(provider_reference="pi_other")
    only("events")
    reconcile()
    assert not WebhookEvent.objects.exists()
    PaymentAttempt.objects.filter(payment=order.payment_id).update(provider_reference=sandbox.charges()[0]["intent"])
    for _turn in range(2):
        only("events")
        reconcile()
    events = WebhookEvent.objects.values_list("event_id", flat=True)
    assert len(events) == len(set(events)) > 0


def test_a_refund_that_fails_in_silence_is_found_by_comparing(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    services.refund_order(order, amount=order.total, reason="torn", restock=False, idempotency_key="r")
    sandbox.move_refund(Refund.objects.get().provider_reference, "failed", failure_reason="unknown")
    only("charges_3d")
    reconcile()
    assert Refund.objects.get().status == "failed"
    assert Order.objects.select_related("payment").get().payment.status == PaymentStatus.PAID


def test_what_differs_even_then_is_listed_until_it_agrees(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    PaymentAttempt.objects.update(captured=order.total - 1)
    only("charges_3d")
    reconcile()
    mismatch = ChargeMismatch.objects.get()
    assert (mismatch.captured, mismatch.refunded, mismatch.disputed) == (order.total, 0, 0)
    PaymentAttempt.objects.update(captured=order.total)
    ChargeMismatch.objects.update(compared_at=timezone.now() - timedelta(hours=2))
    only()
    reconcile()
    assert not ChargeMismatch.objects.exists()


def test_books_that_agree_are_not_looked_at_one_by_one(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    order = order_of(ready_cart())
    services.refund_order(order, amount=order.total, reason="torn", restock=False, idempotency_key="r")
    looked: list[object] = []
    monkeypatch.setattr("checkout.reconciliation.settle_charge", looked.append)
    only("charges_1m")
    reconcile()
    assert looked == []
