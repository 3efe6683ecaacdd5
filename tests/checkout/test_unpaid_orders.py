"""What a stranger may hold without paying, over HTTP: their share of each product, and so much from one network."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from cart import services as carts
from cart.snapshot import CartSnapshot
from checkout import tasks
from checkout.models import Order, OrderStatus
from config.telemetry import metrics
from inventory.models import Product, ReservationLine, Stock
from payments.models import PaymentAttempt
from tests.checkout.test_open_breaker import at_payment
from tests.support.api import App, assert_problem
from tests.support.backoffice import opened
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, VISA, order_of, stock_of
from tests.support.pages import Visitor
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import pass_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def app_at(address: str, user: Any = None) -> App:
    app = App(user)
    app._client.defaults["REMOTE_ADDR"] = address
    return app


def try_pix(app: App, cart: CartSnapshot) -> int:
    return app.check_out(cart, "pix", key="pix").status_code


def unpaid_units() -> int:
    return sum(ReservationLine.objects.unpaid(timezone.now()).values_list("quantity", flat=True))


def reserved(products: list[Product]) -> int:
    return sum(Stock.objects.filter(product__in=products).values_list("reserved", flat=True))


def minutes_left(order: Order) -> float:
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    assert attempt.expires_at is not None
    return round((attempt.expires_at - attempt.created_at).total_seconds() / 60, 3)


class TestOneStranger:
    """The attack of the field: carts full of everything, each with a Pix code that nobody pays."""

    def test_empties_no_shelf(self) -> None:
        shelf = [ProductFactory(stock=70) for _ in range(5)]
        app = app_at("203.0.113.7")
        answers = Counter(try_pix(app, ready_cart(shelf, quantity=quantity)) for quantity in [70, 30, 7, 7, 7, 1, 1])
        assert answers == {202: 3, 503: 4}
        assert reserved(shelf) == unpaid_units() == 5 * 21
        shopper = app_at("198.51.100.1")
        cart = ready_cart(shelf[:1])
        problem = assert_problem(shopper.check_out(cart, "pix"), 503, "payment_unavailable")
        assert problem["methods"] == ["card"]
        assert "Pay by card" in problem["detail"]
        assert shopper.check_out(cart, VISA, key="key-2").status_code == 201

    def test_leaves_pix_to_others_below_the_bound(self) -> None:
        product = ProductFactory(stock=70)
        assert try_pix(app_at("203.0.113.7"), ready_cart([product], quantity=20)) == 202
        assert try_pix(app_at("198.51.100.1"), ready_cart([product])) == 202

    def test_cannot_stop_the_last_piece_from_being_bought_with_pix(self) -> None:
        assert try_pix(App(), ready_cart([ProductFactory(stock=1)])) == 202

    def test_holds_no_more_by_new_carts_and_addresses_of_mail(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 3
        app, other = app_at("203.0.113.7"), app_at("203.0.113.8")
        made = ready_carts([ProductFactory(stock=1000)], 5)
        for number, cart in enumerate(made):
            carts.set_delivery(cart.id, email=f"new-{number}@example.com", phone="", address=cart.address)
        answers = [app.check_out(cart, "pix", key="pix") for cart in made]
        assert [answer.status_code for answer in answers] == [202] * 3 + [503] * 2
        problem = assert_problem(answers[-1], 503, "payment_unavailable")
        assert problem["methods"] == ["card"]
        assert "from your connection" in problem["detail"]
        assert try_pix(other, made[-1]) == 202, "another network is another person"
        assert app.check_out(made[-2], VISA, key="card").status_code == 201

    def test_holds_no_more_by_an_account_that_never_paid(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 1
        user = UserFactory()
        assert try_pix(app_at("203.0.113.7"), ready_cart()) == 202
        assert try_pix(app_at("203.0.113.7", user), ready_cart(user_id=user.pk)) == 503

    def test_holds_no_more_by_other_addresses_of_an_ipv6_network(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 1
        assert try_pix(app_at("2001:db8:1:2::1"), ready_cart()) == 202
        assert try_pix(app_at("2001:db8:1:2:ffff::9"), ready_cart()) == 503
        assert try_pix(app_at("2001:db8:1:3::1"), ready_cart()) == 202

    def test_holds_no_more_units_in_few_orders(self, settings) -> None:
        settings.UNPAID_UNITS_PER_NETWORK = 12
        app, product = app_at("203.0.113.7"), ProductFactory(stock=1000)
        assert [try_pix(app, ready_cart([product], quantity=quantity)) for quantity in (13, 8, 5, 4)] == [
            503, 202, 503, 202,
        ]  # fmt: skip

    def test_at_many_browsers_at_once_holds_no_more(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 2
        made = [ready_cart() for _ in range(6)]

        def buy(cart: CartSnapshot) -> int:
            try:
                return try_pix(app_at("203.0.113.7"), cart)
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            assert Counter(pool.map(buy, made)) == {202: 2, 503: 4}

    def test_holds_for_a_quarter_of_an_hour_and_may_then_begin_again(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 1
        app, product = app_at("203.0.113.7"), ProductFactory(stock=10)
        assert try_pix(app, ready_cart([product])) == 202
        assert minutes_left(Order.objects.get()) == 15
        held = ReservationLine.objects.get()
        assert held.expires_at - timezone.now() < timedelta(minutes=20)
        pass_time(15 * 60)
        assert try_pix(app, ready_cart([product])) == 202
        tasks.sweep()
        assert stock_of(product) == (10, 1)


class TestAShopperWhoHasPaid:
    def test_has_half_an_hour_and_does_not_count_for_the_network(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 1
        user = UserFactory()
        app = app_at("203.0.113.7", user)
        assert app.check_out(ready_cart(user_id=user.pk)).status_code == 201
        assert try_pix(app, ready_cart(user_id=user.pk)) == 202
        waiting = Order.objects.awaiting_payment().get()
        assert (minutes_left(waiting), waiting.network) == (30, "")
        assert try_pix(app_at("203.0.113.7"), ready_cart()) == 202

    def test_pays_their_code_and_frees_their_networks_room(self, settings, sandbox: Sandbox) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 1
        app = app_at("203.0.113.7")
        assert try_pix(app, ready_cart()) == 202
        assert sandbox.pay_pix(PaymentAttempt.objects.get().provider_reference)
        pass_time(60)
        tasks.sweep()
        assert Order.objects.get().status == OrderStatus.PAID
        assert try_pix(app, ready_cart()) == 202


def test_a_network_is_hashed_and_forgotten_once_the_order_no_longer_waits(sandbox: Sandbox) -> None:
    assert try_pix(app_at("203.0.113.7"), ready_cart()) == 202
    order = Order.objects.get()
    assert len(order.network) == 32
    tasks.sweep()
    order.refresh_from_db()
    assert order.network, "it still waits"
    pass_time(16 * 60, sandbox)
    tasks.sweep()
    order.refresh_from_db()
    assert (order.status, order.network) == (OrderStatus.CANCELLED, "")


class TestThreeDSecure:
    """A card that the bank wants to have confirmed waits as Pix does."""

    def test_counts_as_unpaid_until_it_is_confirmed(self, sandbox: Sandbox) -> None:
        product = ProductFactory(stock=10)
        app, cart = app_at("203.0.113.7"), ready_cart([product], quantity=3)
        assert app.check_out(cart, AUTHENTICATE).status_code == 202
        assert unpaid_units() == 3
        assert Order.objects.get().network
        assert try_pix(App(), ready_cart([product])) == 503
        reference = PaymentAttempt.objects.get().provider_reference
        sandbox.answer_challenge(reference, authenticate=True)
        pass_time(60)
        tasks.sweep()
        assert (unpaid_units(), stock_of(product)) == (0, (7, 0))

    def test_beyond_the_bound_is_voided_and_the_cart_is_open(self, sandbox: Sandbox) -> None:
        product = ProductFactory(stock=10)
        assert try_pix(App(), ready_cart([product], quantity=3)) == 202
        app, cart = App(), ready_cart([product])
        problem = assert_problem(app.check_out(cart, AUTHENTICATE), 503, "payment_unavailable")
        assert problem["methods"] == ["card"]
        assert app.get(f"carts/{cart.id}/").json()["status"] == "open"
        assert stock_of(product) == (10, 3)
        assert sandbox.ledger()["captured"] == 0
        assert app.check_out(cart, VISA, key="key-2").status_code == 201

    def test_beyond_the_networks_bound_too(self, settings) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 0
        assert_problem(App().check_out(ready_cart(), AUTHENTICATE), 503, "payment_unavailable")
        assert not Order.objects.awaiting_payment().exists()

    def test_waits_if_its_payment_cannot_be_voided_now(self, settings, sandbox: Sandbox) -> None:
        settings.UNPAID_ORDERS_PER_NETWORK = 0
        sandbox.fault("error", error_status=500, path="/v1/payment_intents/", method="POST", times=1)
        assert App().check_out(ready_cart(), AUTHENTICATE).status_code == 202
        assert Order.objects.awaiting_payment().exists()


class TestThePage:
    def test_says_why_and_has_chosen_the_card(self) -> None:
        visitor = Visitor()
        page = at_payment(visitor)
        product = Product.objects.get()
        order_of(ready_cart([product], quantity=2), "pix")
        refused = page.send("/checkout/pay/", method="pix")
        assert refused.status == 503
        assert "Many of these items are held for orders that are not paid yet" in refused.html
        assert "Nothing was charged. Pay by card" in refused.html
        assert refused.form("/checkout/pay/").fields["method"] == "card"
        assert "Thank you!" in refused.send("/checkout/pay/", method="card", payment_method=VISA).html

    def test_promises_no_more_time_than_a_first_code_has(self) -> None:
        assert "You have at least 15 minutes to pay" in at_payment(Visitor()).html
        assert "You have at least 15 minutes to pay" in Visitor().open("/help/").html


def test_no_method_is_named_while_the_circuit_of_cards_is_open() -> None:
    product = ProductFactory(stock=10)
    order_of(ready_cart([product], quantity=3), "pix")
    with opened("stripe"):
        problem = assert_problem(App().check_out(ready_cart([product]), "pix"), 503, "payment_unavailable")
    assert problem["methods"] == []


def test_a_refusal_is_no_failed_checkout_in_the_metrics() -> None:
    def counted(outcome: str) -> float:
        labels = {"stage": "total", "outcome": outcome}
        return REGISTRY.get_sample_value("checkout_duration_seconds_count", labels) or 0

    product = ProductFactory(stock=10)
    order_of(ready_cart([product], quantity=3), "pix")
    before = counted("payment_unavailable"), counted("too_much_unpaid")
    assert try_pix(App(), ready_cart([product])) == 503
    assert (counted("payment_unavailable"), counted("too_much_unpaid")) == (before[0], before[1] + 1)


def test_what_is_held_unpaid_is_a_gauge() -> None:
    order_of(ready_cart(2, quantity=2), "pix")
    order_of(ready_cart(1))
    metrics.forget_scraped()
    assert metrics.scraped()["stock_unpaid_units"] == {"": 4}


def test_the_statements_of_a_pix_order_do_not_grow_with_its_lines() -> None:
    def place(lines: int) -> int:
        cart = ready_cart(lines)
        with CaptureQueriesContext(connection) as queries:
            order_of(cart, "pix", network="203.0.113.7")
        return len([query for query in queries if query["sql"] not in ("BEGIN", "COMMIT")])

    place(1)
    one, fifty = place(1), place(50)
    assert one == fifty <= 20
