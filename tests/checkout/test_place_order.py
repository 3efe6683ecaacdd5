"""Placing an order, with a provider reached over HTTP: what its answers do to cart, stock, order and mail."""

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cart import services as carts
from cart import snapshot
from cart.exceptions import AddressRequired, CartClosed, CartEmpty, CartNotFound, CheckoutInProgress
from cart.models import Cart, CartStatus
from cart.snapshot import CartSnapshot
from checkout import ask_provider, outbox, settle_webhooks, sweeper
from checkout.exceptions import PaymentDeclined, PriceChanged
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.settle import cancel_pending_payment
from config.db.locks import redis_lock
from inventory.exceptions import InsufficientStock
from inventory.models import Product, Stock
from payments.exceptions import PaymentUnavailable
from payments.models import AttemptStatus, WebhookEvent
from shipping.exceptions import ShippingQuoteExpired, ShippingRequired
from shipping.models import Quote, ShippingRate
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, DECLINED, eventually, order_of, stock_of
from tests.support.simulated_time import pass_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def status_of(cart: CartSnapshot) -> str:
    return Cart.objects.get(token=cart.id).status


class TestApproved:
    def test_the_order_is_paid_and_records_what_was_agreed(self, sandbox) -> None:
        product = ProductFactory(stock=10, price=Decimal("19.90"), name="Rede de dormir")
        cart = ready_cart([product], quantity=3)
        order = Order.objects.fetch(order_of(cart).number, token=Order.objects.get().token)

        assert order.status == OrderStatus.PAID
        assert (order.subtotal, order.shipping_total, order.total) == (
            Decimal("59.70"), Decimal("10.00"), Decimal("69.70"),
        )  # fmt: skip
        (line,) = order.lines.all()
        assert (line.sku, line.name, line.quantity) == (product.sku, "Rede de dormir", 3)
        assert (line.unit_price, line.line_total) == (Decimal("19.90"), Decimal("59.70"))
        assert order.address == cart.address
        assert order.email == "ana@example.com"
        assert sandbox.ledger()["captured"] == 6970

    def test_the_stock_is_committed(self) -> None:
        product = ProductFactory(stock=10)
        order_of(ready_cart([product], quantity=3))
        assert stock_of(product) == (7, 0)

    def test_the_cart_is_closed_and_dropped_from_the_cache(self) -> None:
        cart = ready_cart()
        order_of(cart)
        assert status_of(cart) == CartStatus.ORDERED
        with pytest.raises(CartClosed):
            order_of(cart)
        with pytest.raises(CartClosed):
            carts.add_line(cart.id, cart.lines[0].sku, 1)
        assert snapshot.load(cart.id, None).status == CartStatus.ORDERED

    def test_a_user_gets_a_new_cart_next(self) -> None:
        user = UserFactory()
        cart = ready_cart(user_id=user.pk)
        order = order_of(cart)
        assert order.user_id == user.pk
        assert carts.create_cart(user.pk).id != cart.id

    def test_one_mail_is_sent_however_often_the_relay_runs(self) -> None:
        order_of(ready_cart())
        assert outbox.relay() == 1
        assert outbox.relay() == 0
        (message,) = mail.outbox
        assert message.to == ["ana@example.com"]


class TestDeclined:
    def test_the_cart_is_open_again_unchanged(self, sandbox) -> None:
        product = ProductFactory(stock=10)
        cart = ready_cart([product], quantity=3)
        with pytest.raises(PaymentDeclined):
            order_of(cart, DECLINED)
        again = snapshot.load(cart.id, None)
        assert again.status == CartStatus.OPEN
        assert (again.total, again.lines, again.address) == (cart.total, cart.lines, cart.address)
        assert stock_of(product) == (10, 0)
        assert sandbox.ledger()["captured"] == 0

    def test_another_card_then_pays(self, sandbox) -> None:
        cart = ready_cart()
        with pytest.raises(PaymentDeclined):
            order_of(cart, DECLINED)
        order = order_of(cart)
        assert order.status == OrderStatus.PAID
        assert sandbox.ledger()["captured"] == int(order.total * 100)
        assert sorted(Order.objects.values_list("status", flat=True)) == [OrderStatus.CANCELLED, OrderStatus.PAID]


class TestActionRequired:
    def test_the_order_waits_with_its_stock_reserved(self) -> None:
        product = ProductFactory(stock=10)
        cart = ready_cart([product], quantity=3)
        order = order_of(cart, AUTHENTICATE)
        attempt = order.payment.attempts.get()
        assert order.status == OrderStatus.AWAITING_PAYMENT
        assert attempt.status == AttemptStatus.ACTION
        assert attempt.action["type"] == "redirect"
        assert stock_of(product) == (10, 3)
        assert status_of(cart) == CartStatus.CHECKING_OUT

    def test_pix_waits_with_a_code(self) -> None:
        order = order_of(ready_cart(), "pix")
        action = order.payment.attempts.get().action
        assert action["type"] == "pix"
        assert action["qr_code"].startswith("000201")

    def test_a_new_attempt_replaces_the_waiting_one(self, sandbox) -> None:
        product = ProductFactory(stock=2)
        cart = ready_cart([product], quantity=2)
        waiting = order_of(cart, AUTHENTICATE)
        paid = order_of(cart)
        waiting.refresh_from_db()
        assert (waiting.status, paid.status) == (OrderStatus.CANCELLED, OrderStatus.PAID)
        assert stock_of(product) == (0, 0)
        assert sandbox.ledger()["captured"] == int(paid.total * 100)

    def test_the_shopper_may_withdraw_it(self) -> None:
        cart = ready_cart()
        order = order_of(cart, AUTHENTICATE)
        cancel_pending_payment(order.cart.token, order.cart.user_id)
        order.refresh_from_db()
        assert order.status == OrderStatus.CANCELLED
        assert carts.add_line(cart.id, cart.lines[0].sku, 1).lines[0].quantity == 2


class TestUnknown:
    def lost(self, sandbox, cart: CartSnapshot) -> Order:
        sandbox.fault("lost_answer", path="/v1/payment_intents", times=1)
        return order_of(cart)

    def test_a_lost_answer_is_not_a_failure(self, sandbox) -> None:
        product = ProductFactory(stock=10)
        order = self.lost(sandbox, ready_cart([product], quantity=3))
        assert order.status == OrderStatus.AWAITING_PAYMENT
        assert order.payment.attempts.get().status == AttemptStatus.UNKNOWN
        assert stock_of(product) == (10, 3)

    def test_the_cart_cannot_be_paid_again_meanwhile(self, sandbox) -> None:
        cart = ready_cart()
        self.lost(sandbox, cart)
        with pytest.raises(CheckoutInProgress):
            order_of(cart)
        with pytest.raises(CheckoutInProgress):
            carts.add_line(cart.id, cart.lines[0].sku, 1)

    def test_asking_the_provider_settles_it(self, sandbox) -> None:
        order = self.lost(sandbox, ready_cart())
        assert ask_provider.refresh(Order.objects.with_everything().get(pk=order.pk)).status == OrderStatus.PAID
        assert sandbox.ledger()["captured"] == int(order.total * 100)

    def test_so_does_the_webhook_however_often_it_is_delivered(self, sandbox, live_server) -> None:
        order = self.lost(sandbox, ready_cart())
        sandbox.deliver_to(f"{live_server.url}/webhooks/stripe/")
        eventually(WebhookEvent.objects.exists)
        for _ in range(2):
            settle_webhooks.settle_waiting_events()
            WebhookEvent.objects.update(handled_at=None)
        order.refresh_from_db()
        assert order.status == OrderStatus.PAID
        assert OutboxMessage.objects.count() == 1


class TestUnavailable:
    def test_nothing_happened_and_nothing_is_lost(self, settings) -> None:
        product = ProductFactory(stock=10)
        cart = ready_cart([product], quantity=2)
        open_for_business, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:1"
        with pytest.raises(PaymentUnavailable):
            order_of(cart)
        settings.STRIPE_API_BASE = open_for_business
        assert stock_of(product) == (10, 0)
        assert snapshot.load(cart.id, None).status == CartStatus.OPEN
        assert order_of(cart).status == OrderStatus.PAID


class TestRefusals:
    def test_a_higher_total_has_to_be_confirmed(self, sandbox) -> None:
        product = ProductFactory(stock=10, price=Decimal("10.00"))
        cart = ready_cart([product])
        product.price = Decimal("12.00")
        product.save()
        with pytest.raises(PriceChanged) as refusal:
            order_of(cart)
        assert refusal.value.details == {"expected_total": "20.00", "total": "22.00"}
        assert not Order.objects.exists()
        assert sandbox.ledger()["captured"] == 0

    def test_a_lower_total_is_passed_on(self, sandbox) -> None:
        product = ProductFactory(stock=10, price=Decimal("10.00"))
        cart = ready_cart([product])
        product.price = Decimal("8.00")
        product.save()
        assert order_of(cart).total == Decimal("18.00")
        assert sandbox.ledger()["captured"] == 1800

    def test_out_of_stock_products_are_not_sold(self, sandbox) -> None:
        first, second = ProductFactory(stock=5), ProductFactory(stock=5)
        cart = ready_cart([first, second], quantity=4)
        Stock.objects.filter(product=second).update(on_hand=3)
        with pytest.raises(InsufficientStock) as refusal:
            order_of(cart)
        assert refusal.value.shortages == [{"sku": second.sku, "requested": 4, "available": 3}]
        assert stock_of(first) == (5, 0)
        assert status_of(cart) == CartStatus.OPEN

    def test_a_product_taken_off_sale_is_not_sold(self) -> None:
        product = ProductFactory(stock=5)
        cart = ready_cart([product])
        Product.objects.update(active=False)
        with pytest.raises(InsufficientStock):
            order_of(cart)

    def test_an_order_needs_lines_an_address_and_freight(self) -> None:
        flat_shipping()
        with pytest.raises(CartEmpty):
            order_of(carts.create_cart())
        cart = filled_cart()
        with pytest.raises(AddressRequired):
            order_of(cart)
        ready = ready_cart()
        Cart.objects.filter(token=ready.id).update(quote=None)
        with pytest.raises(ShippingRequired):
            order_of(ready)

    def test_an_expired_quote_is_refused(self) -> None:
        cart = ready_cart()
        quote = Quote.objects.get()
        Quote.objects.update(
            created_at=quote.created_at - (quote.expires_at - quote.created_at), expires_at=quote.created_at
        )
        with pytest.raises(ShippingQuoteExpired):
            order_of(cart)

    def test_a_quoted_freight_holds_although_the_rate_has_risen(self) -> None:
        cart = ready_cart()
        ShippingRate.objects.update(price=Decimal("99.00"))
        cache.delete_pattern("*")
        assert order_of(cart).shipping_total == Decimal("10.00")

    def test_a_users_cart_cannot_be_ordered_by_another(self) -> None:
        cart = ready_cart(user_id=UserFactory().pk)
        for user_id in (None, UserFactory().pk):
            with pytest.raises(CartNotFound):
                order_of(cart, user_id=user_id)

    def test_a_concurrent_request_is_refused(self) -> None:
        cart = ready_cart()
        with redis_lock(f"checkout:{cart.id}", 10), pytest.raises(CheckoutInProgress):
            order_of(cart)


class TestExpiry:
    def test_unpaid_orders_expire(self) -> None:
        product = ProductFactory(stock=2)
        cart = ready_cart([product], quantity=2)
        order = order_of(cart, AUTHENTICATE)
        pass_time(31 * 60)
        assert sweeper.settle_stale_attempts() == 1
        order.refresh_from_db()
        assert order.status == OrderStatus.CANCELLED
        assert (stock_of(product), status_of(cart)) == ((2, 0), CartStatus.OPEN)


class TestStatements:
    def place(self, lines: int) -> int:
        cart = ready_cart(lines)
        with CaptureQueriesContext(connection) as queries:
            order_of(cart)
        statements = [query["sql"] for query in queries if query["sql"] not in ("BEGIN", "COMMIT")]
        return len(statements)

    def test_do_not_grow_with_the_lines(self) -> None:
        self.place(1)  # warms what each process reads once
        one, fifty = self.place(1), self.place(50)
        assert one == fifty
        assert fifty <= 20


def test_the_mail_says_who_sells(settings: Any) -> None:
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças & Cia Ltda.", "11.222.333/0001-81"
    settings.SELLER_ADDRESS, settings.SELLER_EMAIL = "Rua do Ouro, 7, Recife – PE", "loja@loucas.example"
    order_of(ready_cart())
    outbox.relay()
    (message,) = mail.outbox
    lines = ["Louças & Cia Ltda.", "CNPJ 11.222.333/0001-81", "Rua do Ouro, 7, Recife – PE", "loja@loucas.example"]
    assert message.body.rstrip().endswith("-- \n" + "\n".join(lines))
    assert "Louças &amp; Cia Ltda.<br>" + "<br>".join(lines[1:]) in message.alternatives[0][0]


def test_the_mail_lists_the_purchase_in_the_orders_language() -> None:
    product = ProductFactory(stock=10, price=Decimal("1234.56"), name="Rede de dormir")
    order_of(ready_cart([product]), language="en")
    outbox.relay()
    (message,) = mail.outbox
    html = message.alternatives[0][0]
    order = Order.objects.get()
    for body in (message.body, html):
        assert "Rede de dormir" in body
        assert "1,234.56" in body
        assert order.number in body
        assert order.token in body
    assert OutboxMessage.objects.get(kind=MessageKind.CONFIRMATION).sent_at is not None
