"""A batch of webhook events: what only confirms is told apart by one statement, the rest is settled one by one."""

import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout.models import Order, OrderStatus
from checkout.settle_webhooks import settle_waiting_events
from payments import webhook_inbox
from payments.models import AttemptStatus, PaymentAttempt, WebhookEvent
from payments.sandbox.webhooks import sign
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def store_events(sandbox: Sandbox) -> int:
    """Store what the provider has sent so far; returns how many events wait."""
    for event in sandbox.events():
        body = json.dumps({name: value for name, value in event.items() if name not in {"tries", "delivered"}})
        webhook_inbox.store_webhook("stripe", body.encode(), sign(body, WEBHOOK_SECRET))
    return WebhookEvent.objects.waiting().count()


def paid_orders(number: int) -> list[Order]:
    return [order_of(ready_cart()) for _ in range(number)]


def lose_answer(order: Order) -> None:
    """As if the answer to the call had been lost: the attempt waits for the truth, and the order with it."""
    attempt = PaymentAttempt.objects.filter(payment=order.payment_id)
    attempt.update(status=AttemptStatus.UNKNOWN, captured=Decimal(0), settled_at=None, due_at=timezone.now())


def test_as_many_statements_for_one_confirmation_as_for_six(sandbox: Sandbox) -> None:
    counts = []
    for number in (1, 6):
        paid_orders(number)
        waiting = store_events(sandbox)
        with CaptureQueriesContext(connection) as captured:
            assert settle_waiting_events() == waiting >= number
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_what_is_not_approved_yet_is_settled_among_confirmations(sandbox: Sandbox) -> None:
    before, waiting, after = paid_orders(3)
    lose_answer(waiting)
    events = store_events(sandbox)
    assert settle_waiting_events() == events
    statuses = PaymentAttempt.objects.filter(payment=waiting.payment_id).values_list("status", "captured")
    assert list(statuses) == [(AttemptStatus.APPROVED, waiting.total)]
    assert {order.status for order in Order.objects.all()} == {OrderStatus.PAID}
    assert {before.pk, waiting.pk, after.pk} == set(Order.objects.values_list("pk", flat=True))


def test_an_event_names_its_attempt_by_key_before_the_charge(sandbox: Sandbox) -> None:
    """The charge of an approved attempt, with the key of another: it is about that other one."""
    approved, other = paid_orders(2)
    lose_answer(other)
    store_events(sandbox)
    reference = PaymentAttempt.objects.get(payment=approved.payment_id).provider_reference
    PaymentAttempt.objects.filter(payment=other.payment_id).update(provider_reference="")
    event = WebhookEvent.objects.get(provider_reference=reference)
    key = PaymentAttempt.objects.get(payment=other.payment_id).pk
    event.payload["data"]["object"]["metadata"]["attempt"] = str(key)
    WebhookEvent.objects.exclude(pk=event.pk).delete()
    event.save()

    assert settle_waiting_events() == 0, "two attempts cannot have one charge"
    assert PaymentAttempt.objects.get(pk=key).status == AttemptStatus.UNKNOWN
