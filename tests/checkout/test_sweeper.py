"""The sweeper: what it deletes, settles and reconciles."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client import REGISTRY

from checkout import ask_provider, outbox, services, settle_refunds, sweeper, tasks
from checkout.models import Order, OrderStatus, OutboxMessage
from checkout.reconciliation import TRIES, reconcile
from checkout.settle import cancel_pending_payment
from inventory.models import Product
from payments import provider
from payments.gateways.base import Outcome
from payments.models import CHARGES, AttemptStatus, PaymentAttempt, ReconcileCursor, Refund, RefundStatus, StrayCharge
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.simulated_time import pass_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


class TestRefundsWithoutAnAnswer:
    def refund(self, sandbox, product: Product) -> Order:
        order = order_of(ready_cart([product], quantity=2))
        sandbox.fault("lost_answer", path="/v1/refunds", times=1)
        order = services.refund_order(
            order, amount=order.total, reason="damaged", restock=True, idempotency_key="refund-1"
        )
        assert order.status == OrderStatus.CANCELLING, "still unresolved"
        Refund.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        return order

    def test_are_resolved_and_the_order_is_refunded_and_restocked(self, sandbox) -> None:
        product = ProductFactory(stock=5)
        order = self.refund(sandbox, product)
        assert sweeper.settle_stale_refunds() == 1
        order.refresh_from_db()
        assert order.status == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0

    def test_an_order_never_stays_paid_after_its_refund(self, sandbox, monkeypatch) -> None:
        """The process dies just before the order is marked refunded."""
        product = ProductFactory(stock=5)
        order = self.refund(sandbox, product)
        with monkeypatch.context() as patch:
            patch.setattr(settle_refunds, "_close_refunded", Mock(side_effect=OSError("The process died.")))
            assert sweeper.settle_stale_refunds() == 0
        assert Refund.objects.get().status == RefundStatus.UNKNOWN
        Refund.objects.update(asked_at=None)
        assert sweeper.settle_stale_refunds() == 1
        order.refresh_from_db()
        assert (order.status, stock_of(product)) == (OrderStatus.REFUNDED, (5, 0))
        assert sandbox.ledger()["balance"] == 0


class TestReconciliation:
    @pytest.fixture(autouse=True)
    def compare_recent_charges(self, monkeypatch, nothing_before_the_test: None) -> None:
        monkeypatch.setitem(CHARGES, "charges_1m", -timedelta(seconds=5))

    def test_matches_after_an_order(self) -> None:
        order_of(ready_cart())
        assert reconcile() == 0

    def test_a_charge_for_a_cancelled_order_is_refunded(self, sandbox) -> None:
        order = order_of(ready_cart())
        # As after a bug, or a database restored from yesterday's backup.
        PaymentAttempt.objects.update(status=AttemptStatus.CANCELLED, captured=0)
        OutboxMessage.objects.all().delete()
        Order.objects.update(status=OrderStatus.CANCELLED)
        assert reconcile() == 1
        outbox.relay()
        assert sandbox.ledger()["balance"] == 0
        order.refresh_from_db()
        assert order.status == OrderStatus.CANCELLED

    def test_an_unmatched_charge_is_reported(self, caplog) -> None:
        order_of(ready_cart())
        OutboxMessage.objects.all().delete()
        Order.objects.all().delete()
        PaymentAttempt.objects.all().delete()
        assert reconcile() == 0
        assert "took money that no attempt asked for" in caplog.text

    def test_charges_of_another_application_are_not_ours(self, sandbox) -> None:
        sandbox.add_foreign_intents(count=20)
        assert reconcile() == 0
        assert not StrayCharge.objects.exists()

    def test_what_cannot_be_settled_is_tried_again_then_shown_to_staff(self, monkeypatch) -> None:
        """And what comes after it waits no longer."""
        order_of(ready_cart())
        PaymentAttempt.objects.update(status=AttemptStatus.CANCELLED, captured=0)
        with monkeypatch.context() as patch:
            patch.setattr(ask_provider, "settle", Mock(side_effect=OSError("The database is away.")))
            rounds = 0
            while not StrayCharge.objects.exists():
                assert reconcile() == 0
                rounds += 1
                # The first ones only narrow down where it is.
                assert rounds < 4 * TRIES
        assert rounds > TRIES
        assert ReconcileCursor.objects.get(stream="charges_1m").position > timezone.now() - timedelta(minutes=1)

    def test_a_charge_paid_after_it_was_first_compared_is_found_later(
        self, sandbox, monkeypatch, move_clocks: Callable[[float], None]
    ) -> None:
        """Its order was given up, the bank takes the money all the same, and the webhook is lost."""
        monkeypatch.setitem(CHARGES, "charges_1m", timedelta(minutes=1))
        order = order_of(ready_cart(), "pix")
        move_clocks(10 * 60)
        assert reconcile() == 0
        cancel_pending_payment(order.cart.token, None)
        sandbox.fault("late_pix")
        assert sandbox.pay_pix(PaymentAttempt.objects.get().provider_reference)
        assert reconcile() == 0
        move_clocks(10 * 60)
        assert reconcile() == 1
        outbox.relay()
        assert sandbox.ledger()["balance"] == 0


def test_a_payment_whose_webhook_was_lost_is_found_by_asking(sandbox) -> None:
    order = order_of(ready_cart(), "pix")
    attempt = PaymentAttempt.objects.get()
    assert sandbox.pay_pix(attempt.provider_reference)
    assert sweeper.settle_stale_attempts() == 0, "it is too recent"
    pass_time(60)
    assert sweeper.settle_stale_attempts() == 1
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


def test_a_code_that_waits_is_asked_about_less_and_less_often(sandbox) -> None:
    order_of(ready_cart(), "pix")
    asked = []
    for minute in range(1, 14):
        pass_time(60)
        before = PaymentAttempt.objects.get().asked_at
        assert sweeper.settle_stale_attempts() == 0, "it still waits"
        if PaymentAttempt.objects.get().asked_at != before:
            asked.append(minute)
    assert asked == [1, 6], "as soon as possible after the first and the fifth minute"


class TestManyAttempts:
    """As many Pix codes wait as a busy shop sells in some minutes, and all are due."""

    WAITING = 3 * sweeper.BATCH // 2

    @pytest.fixture
    def lost(self, sandbox) -> Order:
        """The last order of all: a card whose answer was lost."""
        carts = ready_carts([ProductFactory(stock=1000)], self.WAITING + 1)
        for cart in carts[1:]:
            order_of(cart, "pix")
        sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
        lost = order_of(carts[0])
        pass_time(2 * 60)
        assert PaymentAttempt.objects.waiting().filter(due_at__lte=timezone.now()).count() == self.WAITING
        return lost

    @pytest.fixture
    def asked(self, monkeypatch) -> list[str]:
        """The references of the payments that the provider is asked about, in order."""
        asked, ask = [], provider.ask

        def note(attempt: PaymentAttempt) -> Outcome:
            asked.append(attempt.payment.reference)
            return ask(attempt)

        monkeypatch.setattr(provider, "ask", note)
        return asked

    def test_a_lost_card_comes_first_and_one_round_asks_about_all(self, lost: Order, asked: list[str]) -> None:
        tasks.sweep()
        assert asked[0] == lost.number
        assert len(asked) == len(set(asked)) == self.WAITING + 1
        lost.refresh_from_db()
        assert lost.status == OrderStatus.PAID

    def test_a_round_ends_in_time_and_the_next_goes_on_where_it_stopped(
        self, lost: Order, asked: list[str], sandbox, monkeypatch
    ) -> None:
        monkeypatch.setattr(sweeper, "WAITING_SECONDS", 0.0)
        tasks.sweep()
        assert asked == [lost.number]
        # Too slow for all of them, however quick the machine is.
        sandbox.fault("slow", latency_ms=100)
        monkeypatch.setattr(sweeper, "WAITING_SECONDS", 1.0)
        assert sweeper.CALLS_AT_ONCE * (1.0 / 0.1 + 1) < self.WAITING
        tasks.sweep()
        assert 1 < len(asked) < self.WAITING
        sandbox.no_faults()
        monkeypatch.undo()
        pass_time(60)
        tasks.sweep()
        late = PaymentAttempt.objects.filter(asked_at=None) | PaymentAttempt.objects.waiting().filter(
            due_at__lte=timezone.now()
        )
        assert not late.exists()

    def test_two_sweeps_share_the_work(self, lost: Order, asked: list[str]) -> None:
        def sweep(_number: int) -> None:
            try:
                sweeper.settle_stale_attempts()
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(sweep, range(2)))
        assert len(asked) == len(set(asked)) == self.WAITING + 1


def test_a_sweep_without_work_does_nothing() -> None:
    tasks.sweep()
    tasks.relay_outbox()
    tasks.settle_webhook_events()


def counted(sweep: str) -> float:
    return REGISTRY.get_sample_value("sweeper_settled_total", {"sweep": sweep}) or 0


def test_an_attempt_that_stays_unknown_is_not_counted_as_settled(sandbox, monkeypatch) -> None:
    sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    order_of(ready_cart())
    pass_time(2 * 60)
    before = counted("unanswered")
    with monkeypatch.context() as patch:
        patch.setattr(provider, "ask", lambda _attempt: Outcome(kind="unknown"))
        assert sweeper.settle_stale_attempts() == 0
    assert PaymentAttempt.objects.get().status == AttemptStatus.UNKNOWN
    assert counted("unanswered") == before
    pass_time(2 * 60)
    assert sweeper.settle_stale_attempts() == 1
    assert counted("unanswered") == before + 1


def test_sweeps_are_counted() -> None:
    before = counted("outbox")
    order_of(ready_cart())
    tasks.relay_outbox()
    tasks.sweep()
    assert counted("outbox") == before + 1
