"""Disputes and warnings of fraud: what stops, where the money is, and what the bank decides."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from checkout import services
from checkout.discrepancies import discrepancies
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import Order, OrderStatus
from payments import disputes
from payments.exceptions import DisputeNotDismissed
from payments.models import Dispute, DisputeStatus, Payment, PaymentAttempt, PaymentStatus, WebhookEvent
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, order_of, stock_of
from tests.support.sandbox import Sandbox
from tests.support.webhooks import deliver, events_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def charge_of(order: Order) -> str:
    return PaymentAttempt.objects.get(payment=order.payment_id).provider_reference


def disputed(sandbox: Sandbox, order: Order, **fields: Any) -> dict[str, Any]:
    dispute = sandbox.dispute(charge_of(order), **fields)
    deliver(events_of(sandbox, "charge.dispute."))
    return dispute


def payment_is() -> str:
    return Payment.objects.get().status


def in_balance(sandbox: Sandbox) -> bool:
    now = timezone.now()
    (theirs,), (ours,) = sandbox.charges(), Dispute.objects.values_list("withdrawn", flat=True)
    return theirs["disputed"] == int(ours * 100) and not discrepancies(
        now - timedelta(days=1), now + timedelta(minutes=1), 10
    )


def test_a_disputed_order_does_not_ship(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    deadline = timezone.now() + timedelta(days=7)
    disputed(sandbox, order, reason="product_not_received", due_by=int(deadline.timestamp()))
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "product_not_received", order.total)
    assert dispute.due_by == deadline.replace(microsecond=0)
    assert dispute.withdrawn == order.total
    assert payment_is() == PaymentStatus.DISPUTED
    with pytest.raises(OrderNotAdvanced):
        services.mark_shipped(order)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_dispute_that_is_won_gives_the_money_back(sandbox: Sandbox, backwards: bool) -> None:
    order = order_of(ready_cart())
    dispute = sandbox.dispute(charge_of(order))
    sandbox.move_dispute(dispute["id"], "under_review")
    sandbox.move_dispute(dispute["id"], "won")
    events = events_of(sandbox, "charge.dispute.")
    deliver(reversed(events) if backwards else events)
    row = Dispute.objects.get()
    assert (row.status, row.withdrawn) == (DisputeStatus.WON, 0)
    assert row.closed_at is not None
    assert payment_is() == PaymentStatus.PAID
    assert in_balance(sandbox)
    assert services.mark_shipped(order).status == OrderStatus.SHIPPED


def test_a_dispute_that_is_lost_is_in_the_books(sandbox: Sandbox) -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    dispute = disputed(sandbox, order)
    sandbox.move_dispute(dispute["id"], "lost")
    deliver(events_of(sandbox, "charge.dispute.closed"))
    assert payment_is() == PaymentStatus.DISPUTED
    assert Payment.objects.get().refundable == 0
    # Staff cancel it: nothing can be refunded, and its goods never left.
    order = services.cancel_order(order, reason="lost", idempotency_key="cancel-1")
    assert order.status == OrderStatus.REFUNDED
    assert stock_of(product) == (5, 0)
    assert in_balance(sandbox)


@pytest.mark.parametrize("taken", [True, False])
def test_cancelling_waits_for_the_dispute(sandbox: Sandbox, taken: bool) -> None:
    """Whether or not the provider has taken the money yet: were the dispute won, the money would be here again."""
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    dispute = disputed(sandbox, order)
    if not taken:
        sandbox.reinstate_funds(dispute["id"])
        deliver(events_of(sandbox, "charge.dispute.funds_reinstated"))
    assert Dispute.objects.get().withdrawn == (order.total if taken else 0)
    with override("en"), pytest.raises(OrderNotCancellable, match="The bank decides first"):
        services.cancel_order(order, reason="lost", idempotency_key="cancel-1")
    with override("pt-br"), pytest.raises(OrderNotCancellable, match="Primeiro o banco decide"):
        services.cancel_order(order, reason="lost", idempotency_key="cancel-1")
    assert Order.objects.get().status == OrderStatus.PAID
    sandbox.move_dispute(dispute["id"], "won")
    deliver(events_of(sandbox, "charge.dispute.closed"))
    order = services.cancel_order(order, reason="still", idempotency_key="cancel-1")
    assert order.status == OrderStatus.REFUNDED
    assert stock_of(product) == (5, 0)
    assert in_balance(sandbox)


def test_what_is_disputed_cannot_be_refunded_too(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    disputed(sandbox, order, amount=500)
    assert Payment.objects.get().refundable == order.total - 5


@pytest.mark.parametrize("kind", ["inquiry", "fraud warning"])
def test_a_warning_stops_the_order_until_staff_dismiss_it(sandbox: Sandbox, kind: str) -> None:
    order = order_of(ready_cart())
    if kind == "inquiry":
        disputed(sandbox, order, status="warning_needs_response")
    else:
        sandbox.warn_of_fraud(charge_of(order))
        deliver(events_of(sandbox, "radar."))
    warning = Dispute.objects.get()
    assert (warning.status, warning.withdrawn) == (DisputeStatus.WARNING, 0)
    with pytest.raises(OrderNotAdvanced):
        services.mark_shipped(order)
    disputes.dismiss(warning, by=UserFactory(), note="Spoke to the shopper.")
    deliver(events_of(sandbox, "radar.", "charge.dispute."))
    assert Dispute.objects.get().status == DisputeStatus.CLOSED, "old news does not bring it back"
    assert payment_is() == PaymentStatus.PAID
    assert services.mark_shipped(order).status == OrderStatus.SHIPPED


def test_a_dispute_is_not_dismissed(sandbox: Sandbox) -> None:
    disputed(sandbox, order_of(ready_cart()))
    with pytest.raises(DisputeNotDismissed):
        disputes.dismiss(Dispute.objects.get(), by=None, note="no")


def test_a_dispute_comes_before_the_news_of_the_payment(sandbox: Sandbox) -> None:
    order = order_of(ready_cart(), AUTHENTICATE)
    sandbox.answer_challenge(charge_of(order), authenticate=True)
    disputed(sandbox, order)
    assert Order.objects.get().status == OrderStatus.PAID
    assert payment_is() == PaymentStatus.DISPUTED


class TestEventsThatAreNotDealtWith:
    def event(self, sandbox: Sandbox, type_: str, **subject: Any) -> dict[str, Any]:
        (like, *_others) = events_of(sandbox)
        return {**like, "id": f"evt_{type_}", "type": type_, "data": {"object": {"id": "x_1", **subject}}}

    def test_an_unknown_type_is_kept_and_counted(self, sandbox: Sandbox) -> None:
        order_of(ready_cart())
        deliver([self.event(sandbox, "payout.reconciliation_completed")])
        row = WebhookEvent.objects.get(event_id="evt_payout.reconciliation_completed")
        assert (row.handled_at, row.set_aside) == (None, "unknown_type")

    def test_one_of_another_application_is_laid_aside_after_a_day_without_an_alarm(self, sandbox: Sandbox) -> None:
        order_of(ready_cart())
        foreign = self.event(sandbox, "refund.created", object="refund", payment_intent="pi_of_theirs", metadata={})
        deliver([foreign])
        row = WebhookEvent.objects.get(event_id=foreign["id"])
        assert (row.handled_at, row.set_aside, row.looks_foreign) == (None, "", True)
        assert not WebhookEvent.objects.late(timezone.now() + timedelta(minutes=1)).exists()
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=1, minutes=1), due_at=None)
        deliver([foreign])
        assert WebhookEvent.objects.get(event_id=foreign["id"]).set_aside == "not_ours"

    def test_one_that_names_an_attempt_of_ours_is_never_laid_aside(self, sandbox: Sandbox) -> None:
        order_of(ready_cart())
        ours = self.event(
            sandbox,
            "payment_intent.succeeded",
            object="payment_intent",
            currency="brl",
            amount_received=500,
            metadata={"attempt": "0190b6a2-0000-7000-8000-000000000000"},
        )
        deliver([ours])
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=3), due_at=None)
        deliver([ours])
        assert WebhookEvent.objects.get(event_id=ours["id"]).set_aside == ""
        assert WebhookEvent.objects.late(timezone.now()).exists()


class TestManualCapture:
    """The account is set to capture by hand, whatever we ask for."""

    def test_money_that_is_only_authorized_is_captured(self, sandbox: Sandbox) -> None:
        sandbox.fault("manual_capture", times=1)
        order = order_of(ready_cart())
        assert order.status == OrderStatus.PAID
        assert sandbox.ledger()["captured"] == int(order.total * 100)

    def test_also_when_the_news_comes_by_webhook(self, sandbox: Sandbox) -> None:
        sandbox.fault("manual_capture", times=1)
        sandbox.fault("error", error_status=500, path="/v1/payment_intents/", method="POST", times=1)
        order = order_of(ready_cart())
        assert order.status == OrderStatus.AWAITING_PAYMENT
        deliver(events_of(sandbox, "payment_intent.amount_capturable_updated"))
        assert Order.objects.get().status == OrderStatus.PAID
        assert sandbox.ledger()["captured"] == int(order.total * 100)
