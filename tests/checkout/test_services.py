"""What staff do with orders: refund, cancel, ship."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from cart.models import Cart, CartStatus
from cart.session import keep_cart
from checkout import outbox, services
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.settle import settle
from config.accounts import services as accounts
from inventory import reservations
from payments.exceptions import RefundRefused
from payments.gateways.base import Outcome
from payments.models import Payment, PaymentAttempt, PaymentStatus
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, order_of, stock_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def refund(order: Order, amount: str, *, restock: bool = False, key: str = "refund-1") -> Order:
    return services.refund_order(
        order, amount=Decimal(amount), reason="changed their mind", restock=restock, idempotency_key=key
    )


class TestRefund:
    def test_in_full_with_restock(self, sandbox) -> None:
        product = ProductFactory(stock=5)
        order = order_of(ready_cart([product], quantity=2))
        order = refund(order, str(order.total), restock=True)
        assert order.status == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["refunded"] == int(order.total * 100)

    def test_in_part_leaves_the_order_paid(self, sandbox) -> None:
        order = order_of(ready_cart())
        assert refund(order, "5.00").status == OrderStatus.PAID
        assert Payment.objects.get().status == PaymentStatus.PARTIALLY_REFUNDED
        assert sandbox.ledger()["refunded"] == 500

    def test_never_more_than_was_paid(self, sandbox) -> None:
        order = order_of(ready_cart())
        refund(order, "5.00", key="first")
        with pytest.raises(RefundRefused):
            refund(order, str(order.total), key="second")
        assert sandbox.ledger()["refunded"] == 500

    def test_the_same_request_twice_refunds_once(self, sandbox) -> None:
        order = order_of(ready_cart())
        refund(order, "5.00")
        refund(order, "5.00")
        assert sandbox.ledger()["refunded"] == 500

    def test_an_unpaid_order_has_nothing_to_refund(self) -> None:
        with pytest.raises(OrderNotCancellable):
            refund(order_of(ready_cart(), AUTHENTICATE), "1.00")


class TestCancel:
    def cancel(self, order: Order) -> Order:
        return services.cancel_order(order, reason="out of area", idempotency_key="cancel-1")

    def test_a_paid_order_is_refunded_and_restocked(self, sandbox) -> None:
        product = ProductFactory(stock=5)
        order = self.cancel(order_of(ready_cart([product], quantity=2)))
        assert order.status == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0

    def test_an_unpaid_order_is_withdrawn_and_its_cart_reopens(self) -> None:
        product = ProductFactory(stock=5)
        cart = ready_cart([product], quantity=2)
        order = self.cancel(order_of(cart, AUTHENTICATE))
        assert order.status == OrderStatus.CANCELLED
        assert stock_of(product) == (5, 0)
        assert Cart.objects.get(token=cart.id).status == CartStatus.OPEN

    def test_a_shipped_order_cannot_be_cancelled(self) -> None:
        order = services.mark_shipped(order_of(ready_cart()))
        with pytest.raises(OrderNotCancellable):
            self.cancel(order)


class TestProgress:
    def test_paid_shipped_delivered(self) -> None:
        order = order_of(ready_cart())
        assert services.mark_shipped(order).status == OrderStatus.SHIPPED
        assert services.mark_delivered(order).status == OrderStatus.DELIVERED

    def test_no_step_is_skipped_or_taken_twice(self) -> None:
        order = order_of(ready_cart())
        with pytest.raises(OrderNotAdvanced):
            services.mark_delivered(order)
        services.mark_shipped(order)
        with pytest.raises(OrderNotAdvanced):
            services.mark_shipped(order)


class TestLateMoney:
    """The provider reports a payment after the shop has cancelled the order."""

    def pay_late(self, order: Order) -> None:
        attempt = PaymentAttempt.objects.get(payment=order.payment)
        settle(
            attempt.pk, Outcome(kind="approved", provider_reference=attempt.provider_reference, captured=order.total)
        )

    def test_a_cancelled_order_owes_one_refund(self) -> None:
        order = order_of(ready_cart(), "pix")
        attempt = order.payment.attempts.get()
        settle(attempt.pk, Outcome(kind="cancelled"))
        for _ in range(2):
            self.pay_late(order)
        assert Order.objects.get().status == OrderStatus.CANCELLED
        assert OutboxMessage.objects.filter(kind=MessageKind.REFUND_DUE).count() == 1

    def test_and_it_is_refunded(self, sandbox) -> None:
        order = order_of(ready_cart(), "pix")
        attempt = order.payment.attempts.get()
        sandbox.pay_pix(attempt.provider_reference)
        settle(attempt.pk, Outcome(kind="cancelled"))
        self.pay_late(order)
        outbox.relay()
        assert sandbox.ledger()["balance"] == 0
        assert Payment.objects.get().status == PaymentStatus.REFUNDED

    def test_an_expired_reservation_is_renewed_if_stock_allows(self) -> None:
        product = ProductFactory(stock=2)
        order = order_of(ready_cart([product], quantity=2), "pix")
        self.lose_hold(order)
        self.pay_late(order)
        assert Order.objects.get().status == OrderStatus.PAID
        assert stock_of(product) == (0, 0)

    def test_without_stock_the_payment_is_refunded(self) -> None:
        product = ProductFactory(stock=2)
        order = order_of(ready_cart([product], quantity=2), "pix")
        self.lose_hold(order)
        order_of(ready_cart([product], quantity=1))
        self.pay_late(order)
        assert Order.objects.get(pk=order.pk).status == OrderStatus.CANCELLED
        assert OutboxMessage.objects.filter(order=order, kind=MessageKind.REFUND_DUE).exists()
        assert stock_of(product) == (1, 0)

    def lose_hold(self, order: Order) -> None:
        with transaction.atomic():
            reservations.release(order.number)


def test_a_second_answer_changes_nothing() -> None:
    product = ProductFactory(stock=5)
    order = order_of(ready_cart([product], quantity=2))
    attempt = PaymentAttempt.objects.get()
    for kind in ("approved", "declined", "cancelled", "unknown", "action"):
        assert settle(attempt.pk, Outcome(kind=kind)).status == OrderStatus.PAID
    assert stock_of(product) == (3, 0)
    assert OutboxMessage.objects.filter(order=order).count() == 1


class TestGuestsOrder:
    def test_goes_to_whoever_has_proven_the_address_wherever_it_was_placed(self) -> None:
        mine, of_another, of_an_account = (order_of(ready_cart()) for _ in range(3))
        bia = UserFactory(email="bia@example.com")
        Order.objects.filter(pk=of_another.pk).update(email=bia.email)
        Order.objects.filter(pk=of_an_account.pk).update(user=bia)
        ana = UserFactory(email="ana@example.com")
        accounts.prove_address(ana)
        assert set(Order.objects.filter(user=ana)) == {mine}
        assert services.give_to_owner(ana) == 0

    def test_goes_to_nobody_who_has_not(self) -> None:
        """An app may open an account with anybody's address."""
        cart = ready_cart()
        order_of(cart)
        stranger = UserFactory(email="ana@example.com")
        assert services.give_to_owner(stranger) == 0
        client = Client()
        client.cookies.update(keep_cart(HttpResponse(), cart).cookies)
        client.post("/account/sign-in/", {"email": stranger.email, "password": PASSWORD})
        assert not Order.objects.filter(user=stranger).exists()

    def test_that_was_placed_after_the_proof_goes_to_the_owner_at_the_next_sign_in(self) -> None:
        ana = UserFactory(email="ana@example.com")
        accounts.prove_address(ana)
        placed = order_of(ready_cart())
        Client().post("/account/sign-in/", {"email": ana.email, "password": PASSWORD})
        assert Order.objects.get(user=ana) == placed
