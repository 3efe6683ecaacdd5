"""The provider's circuit is open: each request is answered at once, and nothing is lost."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from cart import snapshot
from checkout import tasks
from checkout.models import Order, OrderStatus
from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from payments.models import Payment, PaymentAttempt
from tests.checkout.pages.test_checkout import TYPED
from tests.support.api import App, assert_problem
from tests.support.backoffice import opened
from tests.support.factories.cart import flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import VISA, order_of
from tests.support.pages import Page, Visitor
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import pass_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

AT_ONCE_SECONDS = 0.05
TRIES = 10


def fastest(call: Callable[[], object]) -> float:
    """In CPU seconds of this thread, since the machine may be busy with other tests. That no time is spent waiting for
    the provider is measured by the clock in `tests/payments/test_gateway.py`."""

    def measured() -> float:
        begun = time.thread_time()
        call()
        return time.thread_time() - begun

    return min(measured() for _ in range(TRIES))


def test_an_app_gets_retry_after_at_once() -> None:
    app, cart = App(), ready_cart()
    with opened("stripe"), opened("stripe_pix"):
        answer = app.check_out(cart)
        assert fastest(lambda: app.check_out(cart, key=str(uuid4()))) < AT_ONCE_SECONDS
        assert app.check_out(cart, "pix", key="pix").status_code == 503
    problem = assert_problem(answer, 503, "payment_unavailable")
    assert "instead" not in problem
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert app.get(f"carts/{cart.id}/").json()["status"] == "open"
    assert snapshot.load(cart.id, None).lines == cart.lines


def test_nothing_is_written_while_the_circuit_is_open() -> None:
    app, cart = App(), ready_cart()
    with opened("stripe"), opened("stripe_pix"):
        assert_problem(app.check_out(cart), 503, "payment_unavailable")
    assert not Order.objects.exists()
    assert not Payment.objects.exists()
    assert app.check_out(cart).status_code == 201


def test_a_payment_in_progress_is_reported_while_the_circuit_is_open(sandbox: Sandbox) -> None:
    app, cart = App(), ready_cart()
    sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    assert app.check_out(cart).status_code == 202
    with opened("stripe"), opened("stripe_pix"):
        assert_problem(app.check_out(cart, key="key-2"), 409, "checkout_in_progress")


def at_payment(visitor: Visitor) -> Page:
    flat_shipping()
    product = ProductFactory(stock=9)
    visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity="2")
    return visitor.open("/checkout/").send("/checkout/contact/", **TYPED).send("/checkout/delivery/")


def test_a_page_keeps_the_input() -> None:
    visitor = Visitor()
    page = at_payment(visitor)
    with opened("stripe"), opened("stripe_pix"):
        refused = page.send("/checkout/pay/", method="card", payment_method=VISA)
        form = page.form("/checkout/pay/").fields

        def pay_again() -> None:
            typed = {**form, "method": "card", "payment_method": VISA, "idempotency_key": str(uuid4())}
            assert visitor.client.post("/checkout/pay/", typed).status_code == 503

        assert fastest(pay_again) < AT_ONCE_SECONDS
    assert refused.status == 503
    assert 1 <= int(refused.response["Retry-After"]) <= 30
    assert "Payments are not available right now. Nothing was charged." in refused.html
    assert "Avenida Paulista, 1578" in refused.html
    assert refused.form("/checkout/pay/").fields["expected_total"] == form["expected_total"]
    assert "Thank you!" in refused.send("/checkout/pay/", method="card", payment_method=VISA).html


class TestCardsAlone:
    """The circuit of cards is open, and Pix goes on."""

    def test_an_app_is_pointed_to_pix(self) -> None:
        app, cart = App(), ready_cart()
        with opened("stripe"):
            problem = assert_problem(app.check_out(cart), 503, "payment_unavailable")
            assert problem["instead"] == "pix"
            assert "Pay with Pix" in problem["detail"]
            assert app.check_out(cart, "pix", key="key-2").status_code == 202

    def test_the_page_preselects_pix(self) -> None:
        page = at_payment(Visitor())
        with opened("stripe"):
            refused = page.send("/checkout/pay/", method="card", payment_method=VISA)
            assert refused.status == 503
            assert "Cards cannot be charged right now. Nothing was charged. Pay with Pix" in refused.html
            assert refused.form("/checkout/pay/").fields["method"] == "pix"
            assert "with Pix" in refused.send("/checkout/pay/").html

    def test_pix_is_not_offered_right_after_a_failure(self, sandbox: Sandbox) -> None:
        app = App()
        sandbox.fault("error", error_status=500, times=1)
        app.check_out(ready_cart(), "pix")
        with opened("stripe"):
            assert "instead" not in assert_problem(app.check_out(ready_cart()), 503, "payment_unavailable")


def test_cards_go_on_while_the_pix_circuit_is_open() -> None:
    app, cart = App(), ready_cart()
    with opened("stripe_pix"):
        assert "instead" not in assert_problem(app.check_out(cart, "pix"), 503, "payment_unavailable")
        assert app.check_out(cart, key="key-2").status_code == 201


class TestBackgroundWork:
    """Tasks and shoppers do not share a circuit."""

    def test_its_failures_leave_the_till_open(self, sandbox: Sandbox) -> None:
        for _ in range(FAILURES_BEFORE_OPENING):
            order_of(ready_cart(), "pix")
        pass_time(120)
        sandbox.fault("error", error_status=500, method="GET")
        tasks.sweep()
        assert [breaker(name).state for name in ("stripe_background", "stripe")] == ["open", "closed"]
        assert App().check_out(ready_cart()).status_code == 201

    def test_it_goes_on_while_the_till_is_closed(self, sandbox: Sandbox) -> None:
        order = order_of(ready_cart(), "pix")
        pass_time(120)
        assert sandbox.pay_pix(PaymentAttempt.objects.get().provider_reference)
        with opened("stripe"), opened("stripe_pix"):
            tasks.sweep()
        order.refresh_from_db()
        assert order.status == OrderStatus.PAID
