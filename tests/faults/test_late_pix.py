"""Late Pix payments: whenever, however often and however much is paid, the final state is defined."""

import json
from decimal import Decimal
from typing import Any

import pytest

from cart import snapshot
from checkout import tasks
from checkout.models import LIVE, Order, OrderStatus
from checkout.settle import cancel_pending_payment
from config.money import to_minor_units
from inventory import reservations
from inventory.models import Product
from payments import webhook_inbox
from payments.models import Payment, PaymentAttempt, PaymentStatus
from payments.sandbox.webhooks import sign
from tests.faults.crash_cases import deliver_webhooks
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of, stock_of
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox
from tests.support.simulated_time import pass_time, two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 24 * 60 * 60
FAULT = "Pix paid early, late, twice, with another amount"


@pytest.fixture
def product(books: Books) -> Product:
    made = ProductFactory(stock=5)
    books.open()
    return made


@pytest.fixture
def waiting(product: Product) -> Order:
    """An order waiting for its Pix payment."""
    return order_of(ready_cart([product]), "pix")


def lifetime(order: Order) -> float:
    """Seconds for which the code can be paid."""
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    assert attempt.expires_at is not None
    return (attempt.expires_at - attempt.created_at).total_seconds()


def pay(order: Order, sandbox: Sandbox) -> bool:
    return sandbox.pay_pix(PaymentAttempt.objects.get(payment=order.payment_id).provider_reference)


def deliver_and_settle(sandbox: Sandbox) -> None:
    deliver_webhooks(sandbox)
    two_minutes()


def test_paid_a_second_before_expiry(waiting: Order, product: Product, sandbox: Sandbox, books: Books) -> None:
    pass_time(lifetime(waiting) - 5, sandbox)
    assert pay(waiting, sandbox)
    deliver_and_settle(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.PAID
    assert stock_of(product) == (4, 0)
    books.check(FAULT, 1)


def test_a_second_after_expiry_the_bank_refuses_and_the_cart_is_open(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    pass_time(lifetime(waiting) + 1, sandbox)
    assert not pay(waiting, sandbox)
    deliver_and_settle(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert stock_of(product) == (5, 0)
    books.check(FAULT, 1)


@pytest.mark.parametrize("seconds", [1, DAY], ids=["a second", "a day"])
def test_a_payment_after_the_order_was_cancelled_is_refunded(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books, seconds: int
) -> None:
    """Banks settle late: the provider accepts it although the code has expired."""
    pass_time(lifetime(waiting) + seconds)
    tasks.sweep()
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    deliver_and_settle(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert Payment.objects.get(pk=waiting.payment_id).status == PaymentStatus.REFUNDED
    assert stock_of(product) == (5, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


def test_a_late_payment_before_the_sweep_is_accepted_if_stock_is_left(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    """A day late, and no sweep has cancelled the order: the hold has expired, but the stock is available."""
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    pass_time(lifetime(waiting) + DAY)
    reservations.reclaim_expired()
    assert stock_of(product) == (5, 0)
    deliver_and_settle(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.PAID
    assert stock_of(product) == (4, 0)
    books.check(FAULT, 1)


def test_a_late_payment_is_refunded_if_the_stock_is_sold(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    pass_time(lifetime(waiting) + DAY)
    others = order_of(ready_cart([product], quantity=5))
    deliver_and_settle(sandbox)
    waiting.refresh_from_db()
    assert (others.status, waiting.status) == (OrderStatus.PAID, OrderStatus.CANCELLED)
    assert stock_of(product) == (0, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


def test_two_paid_codes_of_one_cart_buy_once(waiting: Order, product: Product, sandbox: Sandbox, books: Books) -> None:
    """The shopper went back, requested a second code, and paid the first one too."""
    cancel_pending_payment(waiting.cart.token, waiting.cart.user_id)
    second = order_of(snapshot.of_cart(waiting.cart), "pix")
    sandbox.fault("late_pix")
    assert pay(second, sandbox)
    assert pay(waiting, sandbox)
    assert not pay(second, sandbox), "a bank accepts a code once"
    deliver_and_settle(sandbox)
    deliver_and_settle(sandbox)
    assert list(Order.objects.filter(status__in=LIVE)) == [second]
    assert stock_of(product) == (4, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


@pytest.mark.parametrize("centavos", [-100, +100], ids=["too little", "too much"])
def test_a_payment_of_another_amount_does_not_pay_the_order(
    waiting: Order, product: Product, sandbox: Sandbox, centavos: int
) -> None:
    """A Pix code accepts no other amount; should a provider report one, nothing is sold and it is refunded."""
    attempt = PaymentAttempt.objects.get(payment=waiting.payment_id)
    received = to_minor_units(waiting.total, "BRL") + centavos
    store(event_of(sandbox, attempt, received))
    tasks.settle_webhook_events()
    waiting.refresh_from_db()
    attempt.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert attempt.captured == Decimal(received).scaleb(-2)
    assert stock_of(product) == (5, 0)
    assert {"refund_due", "paid_too_late"} <= set(waiting.messages.values_list("kind", flat=True))


def event_of(sandbox: Sandbox, attempt: PaymentAttempt, received: int) -> dict[str, Any]:
    """The provider's last event about the attempt, changed to report `received` centavos."""
    event = next(
        event for event in reversed(sandbox.events()) if event["data"]["object"]["id"] == attempt.provider_reference
    )
    intent = {**event["data"]["object"], "status": "succeeded", "amount_received": received, "next_action": None}
    return {**event, "id": "evt_other_amount", "type": "payment_intent.succeeded", "data": {"object": intent}}


def store(event: dict[str, Any]) -> None:
    raw = json.dumps(event)
    webhook_inbox.store_webhook("stripe", raw.encode(), sign(raw, WEBHOOK_SECRET))
