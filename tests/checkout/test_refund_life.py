"""Refunds after they were asked for: pending, refused, failing days later, made elsewhere, paid by hand."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from checkout import outbox, services, sweeper
from checkout.discrepancies import discrepancies
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.settle import settle
from checkout.settle_webhooks import settle_waiting_events
from payments import charges, refunds
from payments.exceptions import RefundNotPaidByHand
from payments.gateways.base import Outcome, RefundOutcome
from payments.models import Payment, PaymentAttempt, PaymentStatus, Refund, RefundStatus, WebhookEvent
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.sandbox import Sandbox
from tests.support.webhooks import deliver, events_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def refund(order: Order, amount: Decimal | None = None, *, restock: bool = False, key: str = "refund-1") -> Order:
    return services.refund_order(
        order, amount=amount or order.total, reason="torn", restock=restock, idempotency_key=key
    )


def state(order: Order) -> tuple[str, str, list[str]]:
    """The statuses of the order, its payment and its refunds."""
    order = Order.objects.select_related("payment").get(pk=order.pk)
    made = Refund.objects.filter(payment=order.payment_id).order_by("created_at", "pk")
    return order.status, order.payment.status, [str(row.status) for row in made]


def in_balance(order: Order) -> bool:
    now = timezone.now()
    return not discrepancies(now - timedelta(days=1), now + timedelta(minutes=1), 100)


def charge_of(order: Order) -> str:
    return PaymentAttempt.objects.get(payment=order.payment_id).provider_reference


def ask_again() -> None:
    """The sweeper's round, hours later."""
    Refund.objects.update(created_at=timezone.now() - timedelta(days=1), asked_at=None)
    sweeper.settle_stale_refunds()


class TestPending:
    @pytest.fixture(autouse=True)
    def refunds_wait(self, sandbox: Sandbox) -> None:
        sandbox.fault("refunds_pending", seconds=3600)

    def test_a_pending_refund_is_not_paid_back(self, sandbox: Sandbox) -> None:
        order = refund(order_of(ready_cart()))
        assert state(order) == (OrderStatus.CANCELLING, PaymentStatus.PAID, ["pending"])
        assert in_balance(order)

    @pytest.mark.parametrize("news", ["webhook", "sweeper"])
    def test_it_ends_when_the_provider_says_so(self, sandbox: Sandbox, news: str) -> None:
        product = ProductFactory(stock=5)
        order = refund(order_of(ready_cart([product], quantity=2)), restock=True)
        assert stock_of(product) == (3, 0)
        sandbox.happen_now()
        if news == "webhook":
            deliver(events_of(sandbox, "refund."))
        else:
            ask_again()
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0

    def test_it_is_asked_about_each_hour_and_not_each_round(self, sandbox: Sandbox) -> None:
        refund(order_of(ready_cart()))
        Refund.objects.update(created_at=timezone.now() - timedelta(days=1))
        sweeper.settle_stale_refunds()
        first = Refund.objects.get().asked_at
        sweeper.settle_stale_refunds()
        assert first is not None
        assert Refund.objects.get().asked_at == first

    def test_money_that_waits_to_go_back_cannot_go_back_twice(self, sandbox: Sandbox) -> None:
        order = refund(order_of(ready_cart()), Decimal("5.00"))
        assert Payment.objects.get().refundable == order.total - 5


class TestFailing:
    def failed(self, sandbox: Sandbox, order: Order) -> None:
        """The shopper's bank sends the money back, days after the refund had succeeded."""
        (row,) = Refund.objects.filter(payment=order.payment_id)
        sandbox.move_refund(row.provider_reference, "failed", failure_reason="expired_or_canceled_card")

    @pytest.mark.parametrize("turns", [1, 2])
    def test_a_refund_fails_days_after_it_succeeded(self, sandbox: Sandbox, turns: int) -> None:
        order = refund(services.mark_shipped(order_of(ready_cart())))
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
        self.failed(sandbox, order)
        # Out of order, and twice: the oldest event comes last.
        for _turn in range(turns):
            deliver(reversed(events_of(sandbox, "refund.", "charge.refund")))
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.PAID, ["failed"])
        assert Refund.objects.get().error == "expired_or_canceled_card"
        assert Payment.objects.get().refundable == order.total
        assert in_balance(order), "the shop holds money that is not its own, and knows"
        assert list(Refund.objects.failed_for_good()) == [Refund.objects.get()]

    def test_the_money_can_be_sent_again(self, sandbox: Sandbox) -> None:
        order = refund(order_of(ready_cart()))
        self.failed(sandbox, order)
        deliver(events_of(sandbox, "refund.failed"))
        order = refund(order, key="refund-2")
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["failed", "succeeded"])
        assert sandbox.ledger()["balance"] == 0
        assert in_balance(order)

    def test_or_another_way_which_is_recorded(self, sandbox: Sandbox) -> None:
        order = refund(order_of(ready_cart()))
        self.failed(sandbox, order)
        deliver(events_of(sandbox, "refund.failed"))
        services.pay_refund_by_hand(Refund.objects.get(), reason="Bank transfer of today")
        deliver(events_of(sandbox, "refund."))
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
        assert Refund.objects.get().by_hand
        assert in_balance(order)

    def test_a_refund_that_may_still_be_paid_is_not_paid_by_hand(self, sandbox: Sandbox) -> None:
        sandbox.fault("refunds_pending", seconds=3600)
        refund(order_of(ready_cart()))
        with pytest.raises(RefundNotPaidByHand):
            services.pay_refund_by_hand(Refund.objects.get(), reason="Bank transfer")

    def test_nor_one_whose_money_has_gone_back(self, sandbox: Sandbox) -> None:
        order = refund(order_of(ready_cart()))
        self.failed(sandbox, order)
        deliver(events_of(sandbox, "refund.failed"))
        refund(order, key="refund-2")
        with pytest.raises(RefundNotPaidByHand):
            services.pay_refund_by_hand(Refund.objects.order_by("created_at")[0], reason="Bank transfer")

    def test_paid_by_hand_and_by_the_provider_is_one_refund(self, sandbox: Sandbox, caplog: Any) -> None:
        sandbox.fault("refunds_refused", code="balance_insufficient", times=1)
        order = refund(order_of(ready_cart()))
        assert state(order) == (OrderStatus.CANCELLING, PaymentStatus.PAID, ["failed"])
        services.pay_refund_by_hand(Refund.objects.get(), reason="Bank transfer")
        sandbox.refund_by_hand(charge_of(order))
        row = Refund.objects.get()
        with transaction.atomic():
            late = RefundOutcome(kind="succeeded", provider_reference="re_late")
            refunds.record(row, late)
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
        assert "paid by hand, and the provider paid it too" in caplog.text


class TestMadeElsewhere:
    @pytest.mark.parametrize("heard", ["refund.created", "charge.refunded", "refund."])
    def test_a_refund_of_the_dashboard_is_taken_over(self, sandbox: Sandbox, heard: str) -> None:
        order = order_of(ready_cart())
        sandbox.refund_by_hand(charge_of(order), 500)
        for _turn in range(2):
            deliver(events_of(sandbox, heard))
        assert state(order) == (OrderStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, ["succeeded"])
        assert Refund.objects.get().amount == Decimal("5.00")
        sandbox.refund_by_hand(charge_of(order))
        deliver(events_of(sandbox, heard))
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded", "succeeded"])
        assert in_balance(order)

    def test_our_own_refund_is_not_taken_for_another(self, sandbox: Sandbox) -> None:
        sandbox.fault("lost_answer", path="/v1/refunds", method="POST", times=1)
        order = refund(order_of(ready_cart()))
        assert state(order)[2] == ["unknown"]
        deliver(events_of(sandbox, "charge.refunded"))
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])

    def test_a_refund_that_was_made_already_is_taken_over(self, sandbox: Sandbox) -> None:
        order = order_of(ready_cart())
        sandbox.refund_by_hand(charge_of(order))
        order = refund(order)
        assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
        assert Refund.objects.get().provider_reference
        assert sandbox.ledger()["balance"] == 0


class TestMoneyThatCameTooLate:
    def late(self, sandbox: Sandbox) -> Order:
        order = order_of(ready_cart(), "pix")
        attempt = order.payment.attempts.get()
        sandbox.pay_pix(attempt.provider_reference)
        settle(attempt.pk, Outcome(kind="cancelled"))
        settle(attempt.pk, Outcome(kind="approved", captured=order.total))
        return order

    def relay_again(self) -> int:
        """Returns how many refunds it has done."""
        OutboxMessage.objects.update(due_at=timezone.now())
        outbox.relay()
        return OutboxMessage.objects.filter(kind=MessageKind.REFUND_DUE).exclude(sent_at=None).count()

    def test_is_asked_for_anew_after_a_refusal(self, sandbox: Sandbox) -> None:
        order = self.late(sandbox)
        sandbox.fault("refunds_refused", times=1)
        assert self.relay_again() == 0
        assert state(order)[2] == ["failed"]
        assert self.relay_again() == 1
        assert state(order) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED, ["failed", "succeeded"])
        assert sandbox.ledger()["balance"] == 0

    def test_is_asked_for_anew_when_it_fails_later(self, sandbox: Sandbox) -> None:
        order = self.late(sandbox)
        assert self.relay_again() == 1
        sandbox.move_refund(Refund.objects.get().provider_reference, "failed", failure_reason="unknown")
        deliver(events_of(sandbox, "refund.failed"))
        message = OutboxMessage.objects.get(kind=MessageKind.REFUND_DUE)
        assert message.sent_at is None
        assert message.due_at > timezone.now() + timedelta(minutes=30)
        assert self.relay_again() == 1
        assert state(order) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED, ["failed", "succeeded"])

    def test_staff_can_send_it_back_too(self, sandbox: Sandbox) -> None:
        order = self.late(sandbox)
        refund(order)
        assert self.relay_again() == 1
        assert state(order) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED, ["succeeded"])
        assert sandbox.ledger()["balance"] == 0

    def test_nothing_is_sent_back_twice(self, sandbox: Sandbox) -> None:
        order = self.late(sandbox)
        for _turn in range(3):
            OutboxMessage.objects.update(sent_at=None)
            assert self.relay_again() == 1
        assert state(order)[2] == ["succeeded"]


def test_the_events_of_one_refund_ask_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    order = order_of(ready_cart())
    sandbox.refund_by_hand(charge_of(order), 500)
    asked, ask = [], charges.ask
    monkeypatch.setattr(charges, "ask", lambda attempt: asked.append(attempt.pk) or ask(attempt))
    with monkeypatch.context() as patch:
        patch.setattr("tests.support.webhooks.settle_waiting_events", lambda: 0)
        deliver(events_of(sandbox, "refund.", "charge.refund"))
    assert WebhookEvent.objects.count() >= 2
    assert settle_waiting_events() == WebhookEvent.objects.count()
    assert len(asked) == 1
    assert state(order)[1] == PaymentStatus.PARTIALLY_REFUNDED


def test_a_failure_that_the_provider_keeps_does_not_hold_a_refund_for_a_day(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    sandbox.fault("error", kept=True, path="/v1/refunds", method="POST", times=1)
    refund(order)
    assert state(order)[2] == ["unknown"]
    ask_again()
    assert state(order) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDED, ["succeeded"])
    assert sandbox.ledger()["balance"] == 0


def test_a_refund_never_ends_before_its_order_is_known() -> None:
    """The statuses that count as answers are the provider's; ours are not among them."""
    assert set(RefundStatus) - {"started"} == {"pending", "succeeded", "failed", "unknown"}
