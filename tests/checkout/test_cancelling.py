"""Cancelling a paid order is a status: goods that left do not come back by a click."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from checkout import services
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import Order, OrderStatus
from payments import refunds
from payments.exceptions import PaymentUnavailable
from payments.models import Payment, PaymentAttempt, Refund
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.sandbox import Sandbox
from tests.support.webhooks import deliver, events_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def cancel(order: Order, key: str = "cancel-1") -> Order:
    return services.cancel_order(order, reason="out of area", idempotency_key=key)


def refund_all(order: Order, *, restock: bool, key: str) -> Order:
    amount = Payment.objects.get(pk=order.payment_id).refundable
    return services.refund_order(order, amount=amount, reason="torn", restock=restock, idempotency_key=key)


def test_an_order_whose_refund_is_under_way_does_not_ship(sandbox: Sandbox) -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    sandbox.fault("refunds_pending", seconds=3600)
    assert cancel(order).status == OrderStatus.CANCELLING
    with pytest.raises(OrderNotAdvanced):
        services.mark_shipped(order)
    sandbox.happen_now()
    deliver(events_of(sandbox, "refund."))
    assert Order.objects.get().status == OrderStatus.REFUNDED
    assert stock_of(product) == (5, 0)


def test_nor_while_the_provider_is_away(sandbox: Sandbox) -> None:
    order = order_of(ready_cart())
    sandbox.fault("error", error_status=429, times=1)
    with pytest.raises(PaymentUnavailable):
        cancel(order)
    assert Order.objects.get().status == OrderStatus.CANCELLING
    with pytest.raises(OrderNotAdvanced):
        services.mark_shipped(order)
    assert cancel(order).status == OrderStatus.REFUNDED, "the same request continues"
    assert Refund.objects.count() == 1


def test_an_order_that_was_read_before_it_shipped_is_not_cancelled() -> None:
    read_before = order_of(ready_cart())
    services.mark_shipped(read_before)
    assert read_before.status == OrderStatus.PAID
    with pytest.raises(OrderNotCancellable):
        cancel(read_before)
    assert not Refund.objects.exists()


def test_the_wish_of_a_refused_refund_is_void(sandbox: Sandbox) -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    sandbox.fault("refunds_refused", times=1)
    assert refund_all(order, restock=True, key="first").status == OrderStatus.CANCELLING
    order = refund_all(order, restock=False, key="second")
    assert order.status == OrderStatus.REFUNDED
    assert stock_of(product) == (3, 0)


def test_a_wish_of_the_release_before_is_kept(sandbox: Sandbox) -> None:
    """It stands on the order, and its refund says nothing."""
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    sandbox.fault("refunds_pending", seconds=3600)
    refund_all(order, restock=True, key="first")
    Refund.objects.update(restock=None)
    Order.objects.update(status=OrderStatus.PAID)
    sandbox.happen_now()
    deliver(events_of(sandbox, "refund."))
    assert Order.objects.get().status == OrderStatus.REFUNDED
    assert stock_of(product) == (5, 0)


class TestMoneyThatTheDashboardReturns:
    """Whoever pays all of it back, goods that have not left are on the shelf again, and none leave any more."""

    def returned(self, sandbox: Sandbox, order: Order, amount: int | None = None) -> str:
        sandbox.refund_by_hand(PaymentAttempt.objects.get(payment=order.payment_id).provider_reference, amount)
        deliver(events_of(sandbox, "refund."))
        return Order.objects.get(pk=order.pk).status

    @pytest.mark.parametrize("halves", [False, True])
    def test_before_the_order_ships_its_goods_return(self, sandbox: Sandbox, halves: bool) -> None:
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        if halves:
            assert self.returned(sandbox, order, 500) == OrderStatus.PAID
            assert stock_of(product) == (3, 0)
        assert self.returned(sandbox, order) == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)

    def test_while_it_is_pending_the_order_does_not_ship(self, sandbox: Sandbox) -> None:
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        sandbox.fault("refunds_pending", seconds=3600)
        assert self.returned(sandbox, order) == OrderStatus.CANCELLING
        with pytest.raises(OrderNotAdvanced):
            services.mark_shipped(order)
        assert stock_of(product) == (3, 0)
        sandbox.happen_now()
        deliver(events_of(sandbox, "refund."))
        assert Order.objects.get().status == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)

    def test_goods_that_left_stay_out(self, sandbox: Sandbox) -> None:
        product = ProductFactory(stock=5)
        order = services.mark_shipped(order_of(ready_cart([product], quantity=2)))
        assert self.returned(sandbox, order) == OrderStatus.REFUNDED
        assert stock_of(product) == (3, 0)

    @pytest.mark.parametrize("restock", [True, False])
    def test_what_staff_said_of_the_goods_holds(self, sandbox: Sandbox, restock: bool) -> None:
        """The provider refuses their refund, and they pay it back in its dashboard, in two halves."""
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        sandbox.fault("refunds_refused", times=1)
        refund_all(order, restock=restock, key="first")
        assert self.returned(sandbox, order, 500) == OrderStatus.CANCELLING
        assert self.returned(sandbox, order) == OrderStatus.REFUNDED
        assert stock_of(product) == ((5, 0) if restock else (3, 0))

    def test_one_that_fails_can_be_sent_again(self, sandbox: Sandbox) -> None:
        order = order_of(ready_cart())
        sandbox.fault("refunds_pending", seconds=3600)
        self.returned(sandbox, order)
        sandbox.move_refund(Refund.objects.get().provider_reference, "failed", failure_reason="unknown")
        deliver(events_of(sandbox, "refund."))
        assert Order.objects.get().status == OrderStatus.CANCELLING
        sandbox.no_faults()
        assert refund_all(order, restock=True, key="again").status == OrderStatus.REFUNDED
        assert sandbox.ledger()["balance"] == 0


@pytest.mark.parametrize("guarded", [True, False])
def test_cancel_against_ship(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    """Somebody ships while another cancels. Without the order's lock the parcel leaves and its goods come back."""
    order = order_of(ready_cart())
    begun, shipped = threading.Event(), threading.Event()
    begin, done = refunds.begin, list[str]()
    if not guarded:
        monkeypatch.setattr("checkout.models.orders.OrderQuerySet.locked", lambda self: self)

    def begin_slowly(*args: Any, **kwargs: Any) -> Refund:
        begun.set()
        shipped.wait(1)
        return begin(*args, **kwargs)

    def ship() -> None:
        begun.wait(20)
        services.mark_shipped(order)
        shipped.set()

    def run(name: str, work: Callable[[], object]) -> None:
        try:
            work()
            done.append(name)
        except OrderNotAdvanced:
            pass
        finally:
            connection.close()

    monkeypatch.setattr(refunds, "begin", begin_slowly)
    works = {"cancelled": lambda: cancel(order), "shipped": ship}
    threads = [threading.Thread(target=run, args=item) for item in works.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == (["cancelled"] if guarded else ["cancelled", "shipped"])
    assert sandbox.ledger()["balance"] == 0
