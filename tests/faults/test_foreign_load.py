"""Another application charges thousands on the same account: every payment of ours is found among them all the same."""

import time
from collections.abc import Callable

import pytest
from django.utils import timezone

from checkout import tasks
from checkout.models import Order, OrderStatus
from checkout.settle import cancel_pending_payment
from payments.models import PaymentAttempt, PaymentStatus, ReconcileCursor, StrayCharge
from tests.faults import FULL
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

# In six hours; 2,000 were the end of it once.
FOREIGN = 20_000 if FULL else 3_000
FOREIGN_IN_20_MINUTES = 10_000 if FULL else 2_500
# Fewer than open the circuit.
ORDERS = 4 if FULL else 2
HOURS = 60 * 60


def is_behind() -> bool:
    return max(ReconcileCursor.objects.lags(timezone.now()).values()) > 60


def test_reconciliation(sandbox: Sandbox, books: Books, move_clocks: Callable[[float], None]) -> None:
    """No webhook comes, and no sweep runs: some paid in time, others when their order had been given up."""
    product = ProductFactory(stock=50)
    carts = [ready_cart([product]) for _ in range(2 * ORDERS)]
    books.open()
    now = time.time()
    sandbox.add_foreign_intents(count=FOREIGN, created_from=now - 6 * HOURS, created_to=now)
    sandbox.fault("late_pix")
    orders = [order_of(cart, "pix") for cart in carts]
    for order in orders[:ORDERS]:
        cancel_pending_payment(order.cart.token, None)
    for reference in PaymentAttempt.objects.values_list("provider_reference", flat=True):
        assert sandbox.pay_pix(reference)
    move_clocks(2 * 60)
    tasks.reconcile()
    for _ in range(100):
        if not is_behind():
            break
        tasks.reconcile()
    assert not is_behind()
    tasks.relay_outbox()
    settled = Order.objects.filter(pk__in=[order.pk for order in orders]).order_by("pk")
    late, in_time = (OrderStatus.CANCELLED, PaymentStatus.REFUNDED), (OrderStatus.PAID, PaymentStatus.PAID)
    assert [(order.status, order.payment.status) for order in settled.with_payment()] == [
        *[late] * ORDERS, *[in_time] * ORDERS,
    ]  # fmt: skip
    assert not StrayCharge.objects.exists(), "those of another application are not ours to deal with"
    two_minutes(move_clocks)
    books.check("reconciliation under foreign load", 2 * ORDERS)


def test_lost_answers(sandbox: Sandbox, books: Books, move_clocks: Callable[[float], None]) -> None:
    """Each is found within two minutes, although strangers' charges are made every half second around it."""
    product = ProductFactory(stock=50)
    carts = [ready_cart([product]) for _ in range(ORDERS)]
    books.open()
    now = time.time()
    sandbox.add_foreign_intents(count=FOREIGN_IN_20_MINUTES, created_from=now - 600, created_to=now + 600)
    sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=ORDERS)
    orders = [order_of(cart) for cart in carts]
    assert {order.status for order in orders} == {OrderStatus.AWAITING_PAYMENT}
    two_minutes(move_clocks)
    assert Order.objects.filter(status=OrderStatus.PAID).count() == ORDERS
    books.check("answers lost under foreign load", ORDERS)
