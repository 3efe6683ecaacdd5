"""Pix by the clock: whenever it is paid, however often and however much, there is one defined end."""

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
    """An order that waits for its Pix."""
    return order_of(ready_cart([product]), "pix")


def lifetime(order: Order) -> float:
    """How long the code can be paid, in seconds from now."""
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    assert attempt.expires_at is not None
    return (attempt.expires_at - attempt.created_at).total_seconds()


def pay(order: Order, sandbox: Sandbox) -> bool:
    return sandbox.pay_pix(PaymentAttempt.objects.get(payment=order.payment_id).provider_reference)


def told(sandbox: Sandbox) -> None:
    deliver_webhooks(sandbox)
    two_minutes()


def test_a_second_before_the_end_it_is_paid(waiting: Order, product: Product, sandbox: Sandbox, books: Books) -> None:
    pass_time(lifetime(waiting) - 5, sandbox)
    assert pay(waiting, sandbox)
    told(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.PAID
    assert stock_of(product) == (4, 0)
    books.check(FAULT, 1)


def test_a_second_after_the_end_the_bank_refuses_and_the_cart_is_open(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    pass_time(lifetime(waiting) + 1, sandbox)
    assert not pay(waiting, sandbox)
    told(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert stock_of(product) == (5, 0)
    books.check(FAULT, 1)


@pytest.mark.parametrize("seconds", [1, DAY], ids=["a second", "a day"])
def test_money_that_arrives_after_the_order_was_given_up_goes_back(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books, seconds: int
) -> None:
    """Banks settle late: the provider takes it although the code is over."""
    pass_time(lifetime(waiting) + seconds)
    tasks.sweep()
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    told(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert Payment.objects.get(pk=waiting.payment_id).status == PaymentStatus.REFUNDED
    assert stock_of(product) == (5, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


def test_money_that_overtakes_the_sweeper_buys_the_goods_where_they_are_still_there(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    """A day late, and nobody has given the order up meanwhile: the hold is over, the goods are there."""
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    pass_time(lifetime(waiting) + DAY)
    reservations.reclaim_expired()
    assert stock_of(product) == (5, 0)
    told(sandbox)
    waiting.refresh_from_db()
    assert waiting.status == OrderStatus.PAID
    assert stock_of(product) == (4, 0)
    books.check(FAULT, 1)


def test_and_goes_back_where_somebody_else_has_bought_them(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    sandbox.fault("late_pix")
    assert pay(waiting, sandbox)
    pass_time(lifetime(waiting) + DAY)
    others = order_of(ready_cart([product], quantity=5))
    told(sandbox)
    waiting.refresh_from_db()
    assert (others.status, waiting.status) == (OrderStatus.PAID, OrderStatus.CANCELLED)
    assert stock_of(product) == (0, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


def test_two_codes_of_one_cart_both_paid_buy_once(
    waiting: Order, product: Product, sandbox: Sandbox, books: Books
) -> None:
    """The shopper went back, asked for a second code, and paid the first one too."""
    cancel_pending_payment(waiting.cart.token, waiting.cart.user_id)
    second = order_of(snapshot.of_cart(waiting.cart), "pix")
    sandbox.fault("late_pix")
    assert pay(second, sandbox)
    assert pay(waiting, sandbox)
    assert not pay(second, sandbox), "a bank pays a code once"
    told(sandbox)
    told(sandbox)
    assert list(Order.objects.filter(status__in=LIVE)) == [second]
    assert stock_of(product) == (4, 0)
    assert books.check(FAULT, 1).refunded == to_minor_units(waiting.total, "BRL")


@pytest.mark.parametrize("centavos", [-100, +100], ids=["too little", "too much"])
def test_another_amount_than_agreed_is_no_payment_of_the_order(
    waiting: Order, product: Product, sandbox: Sandbox, centavos: int
) -> None:
    """No Pix code takes another amount; should a provider ever tell so, the goods stay and the money goes back."""
    attempt = PaymentAttempt.objects.get(payment=waiting.payment_id)
    received = to_minor_units(waiting.total, "BRL") + centavos
    store(event_of(sandbox, attempt, received))
    tasks.settle_webhook_events()
    waiting.refresh_from_db()
    attempt.refresh_from_db()
    assert waiting.status == OrderStatus.CANCELLED
    assert attempt.captured == Decimal(received).scaleb(-2)
    assert stock_of(product) == (5, 0)
    assert waiting.messages.get().kind == "refund_due"


def event_of(sandbox: Sandbox, attempt: PaymentAttempt, received: int) -> dict[str, Any]:
    """The provider's own last event about the attempt, made to tell of `received` centavos."""
    event = next(
        event for event in reversed(sandbox.events()) if event["data"]["object"]["id"] == attempt.provider_reference
    )
    intent = {**event["data"]["object"], "status": "succeeded", "amount_received": received, "next_action": None}
    return {**event, "id": "evt_other_amount", "type": "payment_intent.succeeded", "data": {"object": intent}}


def store(event: dict[str, Any]) -> None:
    raw = json.dumps(event)
    webhook_inbox.store_webhook("stripe", raw.encode(), sign(raw, WEBHOOK_SECRET))
