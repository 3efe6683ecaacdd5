"""The balance check detects every imbalance: each is planted by hand and must be found."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.utils import timezone

from cart.models import Cart, CartStatus
from checkout import tasks
from checkout.exceptions import PaymentDeclined
from checkout.models import Order, OrderStatus, OutboxMessage
from inventory.models import ReservationLine, Stock
from payments.gateways import gateway
from payments.gateways.base import AuthorizeRequest
from payments.models import AttemptStatus, Payment, PaymentAttempt
from shipping.models import Quote
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.guards_off import without_one_live_order_per_cart
from tests.support.mail_sink import MailSink
from tests.support.orders import AUTHENTICATE, DECLINED, order_of
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sold(books: Books) -> Order:
    """A shop with a paid, a declined and a pending order, in balance."""
    product = ProductFactory(stock=9)
    carts = [ready_cart([product], quantity=2) for _ in range(3)]
    books.open()
    paid = order_of(carts[0])
    order_of(carts[1], AUTHENTICATE)
    with pytest.raises(PaymentDeclined):
        order_of(carts[2], DECLINED)
    tasks.relay_outbox()
    assert books.taken().problems == ()
    return paid


def units_from_nowhere(order: Order) -> None:
    Stock.objects.update(on_hand=F("on_hand") + 1)


def reserved_without_a_reservation(order: Order) -> None:
    Stock.objects.update(reserved=F("reserved") + 1)


def hold_that_outlived_its_order(order: Order) -> None:
    Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).update(status=OrderStatus.CANCELLED)


def order_without_a_payment(order: Order) -> None:
    Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).update(status=OrderStatus.PAID, paid_at=timezone.now())


def money_without_an_order(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.CANCELLED)


def charge_missing_in_our_books(order: Order) -> None:
    PaymentAttempt.objects.filter(payment=order.payment_id).update(captured=0)


def more_charged_than_agreed(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(total=F("total") - 1, subtotal=F("subtotal") - 1)


def stock_sold_without_an_order(order: Order) -> None:
    ReservationLine.objects.filter(held=False).update(quantity=F("quantity") + 1)
    Stock.objects.update(on_hand=F("on_hand") - 1)


def closed_cart(order: Order) -> None:
    Cart.objects.filter(status=CartStatus.OPEN).update(status=CartStatus.CHECKING_OUT)


def paid_cart_that_is_open(order: Order) -> None:
    Cart.objects.filter(pk=order.cart_id).update(status=CartStatus.OPEN)


def attempt_never_resolved(order: Order) -> None:
    PaymentAttempt.objects.filter(status=AttemptStatus.ACTION).update(status=AttemptStatus.UNKNOWN)


def message_still_pending(order: Order) -> None:
    OutboxMessage.objects.update(sent_at=None)


def refund_in_our_books_alone(order: Order) -> None:
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    attempt.refunds.create(payment=attempt.payment, amount=Decimal("1.00"), status="succeeded", idempotency_key="k")


PLANTED = [
    units_from_nowhere, reserved_without_a_reservation, hold_that_outlived_its_order, order_without_a_payment,
    money_without_an_order, charge_missing_in_our_books, more_charged_than_agreed, stock_sold_without_an_order,
    closed_cart, paid_cart_that_is_open, attempt_never_resolved, message_still_pending, refund_in_our_books_alone,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_it_finds_each_imbalance(sold: Order, books: Books, plant: Callable[[Order], None]) -> None:
    plant(sold)
    assert books.taken().problems != ()


def no_freight(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(shipping_total=0, total=F("subtotal"))


def freight_of_another_price(order: Order) -> None:
    Quote.objects.filter(pk=order.quote_id).update(price=F("price") - 1)


def freight_to_another_place(order: Order) -> None:
    Quote.objects.filter(pk=order.quote_id).update(postal_code="69005010")


def freight_of_another_cart(order: Order) -> None:
    Quote.objects.filter(pk=order.quote_id).update(reference="another")


def freight_from_an_expired_quote(order: Order) -> None:
    Quote.objects.filter(pk=order.quote_id).update(
        created_at=order.placed_at - timedelta(hours=2), expires_at=order.placed_at - timedelta(hours=1)
    )


@pytest.mark.parametrize(
    "plant",
    [
        no_freight, freight_of_another_price, freight_to_another_place, freight_of_another_cart,
        freight_from_an_expired_quote,
    ],
    ids=lambda plant: plant.__name__,
)  # fmt: skip
def test_it_finds_an_order_without_the_quoted_freight(
    sold: Order, books: Books, plant: Callable[[Order], None]
) -> None:
    plant(sold)
    assert any("freight" in problem for problem in books.taken().problems)


def test_it_finds_a_second_charge(sold: Order, books: Books, sandbox: Sandbox) -> None:
    again = Payment.objects.get(pk=sold.payment_id)
    attempt = PaymentAttempt.objects.get(payment=again)
    gateway().authorize(
        AuthorizeRequest(
            attempt_id=again.pk,
            amount=again.amount,
            currency="BRL",
            method_token=attempt.method_token,
            description="",
            return_url="",
            metadata={"order": again.reference},
        )
    )
    problems = " ".join(books.taken().problems)
    assert "charged twice" in problems
    assert "captured" in problems


def test_it_finds_a_second_live_order(sold: Order, books: Books) -> None:
    with without_one_live_order_per_cart():
        waiting = Order.objects.awaiting_payment().get()
        Order.objects.filter(pk=waiting.pk).update(cart=sold.cart_id)
        assert any("live orders" in problem for problem in books.taken().problems)
        Order.objects.filter(pk=waiting.pk).update(cart=waiting.cart_id)


def test_it_finds_missing_duplicate_and_unexpected_mails(sold: Order, books: Books, mails: MailSink) -> None:
    (message,) = mails.messages
    mails.messages.append(message)
    assert any("got 2 mails" in problem for problem in books.taken().problems)
    mails.forget()
    assert any("got no mail" in problem for problem in books.taken().problems)
    assert books.taken(at_rest=False).problems == ()
    stranger = Order.objects.awaiting_payment().get()
    mails.take(f"Message-ID: <order-{stranger.number}-confirmation@esteira.example>\n\nHello".encode())
    assert any("not paid" in problem for problem in books.taken(at_rest=False).problems)
