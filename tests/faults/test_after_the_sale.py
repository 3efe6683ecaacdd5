"""Refunds and disputes, by whoever begins them, while the news of them comes late, twice, out of order, or never."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from checkout import services, tasks
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import Order, OrderStatus
from checkout.settle_webhooks import settle_waiting_events
from inventory.models import Product
from payments.models import EVENTS, PaymentAttempt, ReconcileCursor, Refund
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import pass_time, two_minutes
from tests.support.webhooks import deliver, events_of

pytestmark = pytest.mark.django_db(transaction=True)

NEWS = ("refund.", "charge.")
Heard = Callable[[Sandbox], None]


def in_order(sandbox: Sandbox) -> None:
    deliver(events_of(sandbox, *NEWS))


def twice_and_shuffled(sandbox: Sandbox) -> None:
    events = events_of(sandbox, *NEWS) * 2
    random.Random(events[0]["id"]).shuffle(events)
    deliver(events)


def never(sandbox: Sandbox) -> None:
    """The reconciliation fetches it: its cursor stands where it was before."""
    pass_time(600)
    tasks.reconcile()
    settle_waiting_events()


HEARD: list[Heard] = [in_order, twice_and_shuffled, never]


@pytest.fixture
def product(books: Books) -> Product:
    made = ProductFactory(stock=20)
    books.open()
    return made


@pytest.fixture(autouse=True)
def events_are_read_to_the_last(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, nothing_before_the_test: None
) -> None:
    tasks.reconcile()
    monkeypatch.setitem(EVENTS, "events", -EVENTS["events"])


def bought(product: Product, number: int) -> list[Order]:
    orders = [order_of(ready_cart([product])) for _ in range(number)]
    two_minutes()
    return orders


def charge_of(order: Order) -> str:
    return PaymentAttempt.objects.get(payment=order.payment_id).provider_reference


def refund(order: Order, key: str = "refund") -> None:
    services.refund_order(order, amount=order.total, reason="torn", restock=True, idempotency_key=key)


def refund_of(order: Order) -> Refund:
    return Refund.objects.filter(payment=order.payment_id).latest("created_at")


@pytest.mark.parametrize("hear", HEARD)
def test_refunds(hear: Heard, product: Product, sandbox: Sandbox, books: Books) -> None:
    pending, failing, refused, elsewhere, _kept = bought(product, 5)
    sandbox.fault("refunds_pending", seconds=3600, times=1)
    refund(pending)
    refund(failing)
    sandbox.move_refund(refund_of(failing).provider_reference, "failed", failure_reason="unknown")
    sandbox.fault("refunds_refused", times=1)
    refund(refused)
    services.cancel_order(elsewhere, reason="sold twice", idempotency_key="cancel")
    sandbox.happen_now()
    hear(sandbox)
    assert refund_of(failing).status == refund_of(refused).status == "failed"
    for order in (failing, refused):
        refund(order, "again")
    hear(sandbox)
    two_minutes()
    assert list(Order.objects.order_by("placed_at").values_list("status", flat=True)) == [
        *[OrderStatus.REFUNDED] * 4, OrderStatus.PAID,
    ]  # fmt: skip
    assert stock_of(product) == (19, 0)
    books.check("refunds pending, failing, refused", 4)


@pytest.mark.parametrize("hear", HEARD)
def test_refunds_made_elsewhere(hear: Heard, product: Product, sandbox: Sandbox, books: Books) -> None:
    in_parts, _kept = bought(product, 2)
    sandbox.refund_by_hand(charge_of(in_parts), 1000)
    hear(sandbox)
    refund_rest = Order.objects.select_related("payment").get(pk=in_parts.pk).payment.refundable
    services.refund_order(in_parts, amount=refund_rest, reason="torn", restock=True, idempotency_key="rest")
    hear(sandbox)
    two_minutes()
    assert Order.objects.get(pk=in_parts.pk).status == OrderStatus.REFUNDED
    books.check("refunds made in the dashboard", 1)


@pytest.mark.parametrize("hear", HEARD)
def test_disputes(hear: Heard, product: Product, sandbox: Sandbox, books: Books) -> None:
    won, lost, in_part, _kept = bought(product, 4)
    opened = {order.number: sandbox.dispute(charge_of(order)) for order in (won, lost)}
    sandbox.dispute(charge_of(in_part), amount=500)
    hear(sandbox)
    for order in (won, lost, in_part):
        with pytest.raises(OrderNotAdvanced):
            services.mark_shipped(order)
    sandbox.move_dispute(opened[won.number]["id"], "won")
    sandbox.move_dispute(opened[lost.number]["id"], "lost")
    hear(sandbox)
    services.mark_shipped(won)
    services.cancel_order(lost, reason="lost", idempotency_key="cancel")
    two_minutes()
    assert Order.objects.get(pk=lost.pk).status == OrderStatus.REFUNDED
    books.check("disputes won, lost, and of a part", 3)


@pytest.mark.parametrize("first", ["cancel", "ship"])
def test_cancel_against_ship(first: str, product: Product, sandbox: Sandbox, books: Books) -> None:
    """Each acts on the order as it was before the other; the refund takes an hour."""
    orders = bought(product, 3)
    sandbox.fault("refunds_pending", seconds=3600)

    def cancel(order: Order) -> Any:
        return services.cancel_order(order, reason="changed their mind", idempotency_key="cancel")

    for order in orders:
        if first == "cancel":
            cancel(order)
            with pytest.raises(OrderNotAdvanced):
                services.mark_shipped(order)
        else:
            services.mark_shipped(order)
            with pytest.raises(OrderNotCancellable):
                cancel(order)
    sandbox.happen_now()
    if first == "cancel":
        in_order(sandbox)
    two_minutes()
    assert not ReconcileCursor.objects.filter(tries__gt=0).exists()
    assert stock_of(product) == ((20, 0) if first == "cancel" else (17, 0))
    books.check("cancel against ship", 3)
