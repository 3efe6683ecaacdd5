"""The provider has failed so often that it is left alone: each answer comes at once, and nothing is lost."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from cart import snapshot
from tests.admin.support import opened
from tests.api.conftest import App, assert_problem
from tests.cart.factories import ready_cart
from tests.checkout.support import VISA
from tests.inventory.factories import ProductFactory
from tests.pages.support import Visitor
from tests.pages.test_checkout import TYPED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

AT_ONCE_SECONDS = 0.05
TRIES = 20


def fastest(call: Callable[[], object]) -> float:
    """In seconds. The fastest of many tells how long it takes, the slowest how busy the machine is."""

    def measured() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    return min(measured() for _ in range(TRIES))


def test_an_app_is_told_at_once_when_to_come_back() -> None:
    app, cart = App(), ready_cart()
    with opened("stripe"):
        answer = app.check_out(cart)
        assert fastest(lambda: app.check_out(cart, key=str(uuid4()))) < AT_ONCE_SECONDS
    assert_problem(answer, 503, "payment_unavailable")
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert app.get(f"carts/{cart.id}/").json()["status"] == "open"
    assert snapshot.load(cart.id, None).lines == cart.lines


def test_a_page_keeps_all_that_was_typed() -> None:
    visitor, product = Visitor(), ProductFactory(stock=9)
    ready_cart([product])
    visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity="2")
    visitor.open("/checkout/").send("/checkout/contact/", **TYPED).send("/checkout/delivery/")
    page = visitor.open("/checkout/")
    with opened("stripe"):
        refused = page.send("/checkout/pay/", method="card", payment_method=VISA)
        form = page.form("/checkout/pay/").fields

        def pay_again() -> None:
            typed = {**form, "method": "card", "payment_method": VISA, "idempotency_key": str(uuid4())}
            assert visitor.client.post("/checkout/pay/", typed).status_code == 503

        assert fastest(pay_again) < AT_ONCE_SECONDS
    assert refused.status == 503
    assert 1 <= int(refused.response["Retry-After"]) <= 30
    assert "Nothing was charged." in refused.html
    assert "Avenida Paulista, 1578" in refused.html
    assert refused.form("/checkout/pay/").fields["expected_total"] == form["expected_total"]
    assert "Thank you!" in refused.send("/checkout/pay/", method="card", payment_method=VISA).html
