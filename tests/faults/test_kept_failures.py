"""The provider fails once work has begun, and repeats that under the call's key for a day: no cart stays shut."""

from collections.abc import Callable

import pytest

from cart.models import Cart, CartStatus
from checkout.models import Order, OrderStatus
from checkout.settle import cancel_pending_payment
from config.resilience.breakers import breaker
from payments.models import PaymentAttempt
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

FAULT = "500 kept under a key"
INTENTS = "/v1/payment_intents"


def fails_and_keeps(sandbox: Sandbox, path: str = INTENTS, *, after: bool = False) -> None:
    sandbox.fault("error", error_status=500, kept=True, after=after, path=path, method="POST", times=1)


def reference_of(order: Order) -> str:
    return PaymentAttempt.objects.get(payment=order.payment_id).provider_reference


@pytest.fixture
def check(books: Books, move_clocks: Callable[[float], None]) -> Callable[[Order, str], None]:
    """Four minutes later the order has this status and, unless it is paid, its cart is open."""

    def check(order: Order, status: str) -> None:
        for _ in range(2):
            two_minutes(move_clocks)
        order.refresh_from_db()
        assert order.status == status
        is_open = Cart.objects.get(pk=order.cart_id).status == CartStatus.OPEN
        assert is_open == (status != OrderStatus.PAID)
        assert {breaker(name).state for name in ("stripe", "stripe_pix", "stripe_background")} == {"closed"}
        books.check(FAULT, 1)

    return check


@pytest.fixture
def bought(books: Books) -> Callable[[str], Order]:
    def bought(method: str = "pm_card_visa") -> Order:
        cart = ready_cart([ProductFactory(stock=5)])
        books.open()
        return order_of(cart, method)

    return bought


@pytest.mark.parametrize("after", [False, True], ids=["nothing was done", "it was charged"])
def test_of_a_charge(after: bool, sandbox: Sandbox, bought, check) -> None:
    fails_and_keeps(sandbox, after=after)
    order = bought()
    assert order.status == OrderStatus.AWAITING_PAYMENT
    check(order, OrderStatus.PAID if after else OrderStatus.CANCELLED)


@pytest.mark.parametrize("after", [False, True], ids=["nothing was done", "it was cancelled"])
def test_of_a_cancel(after: bool, sandbox: Sandbox, bought, check) -> None:
    """The shopper goes back from a Pix code, and again."""
    order = bought("pix")
    fails_and_keeps(sandbox, f"{INTENTS}/{reference_of(order)}/cancel", after=after)
    for _ in range(2):
        cancel_pending_payment(order.cart.token, None)
    assert Cart.objects.get(pk=order.cart_id).status == CartStatus.OPEN
    check(order, OrderStatus.CANCELLED)


@pytest.mark.parametrize("after", [False, True], ids=["nothing was done", "it was used up"])
def test_of_using_up_a_key(after: bool, sandbox: Sandbox, bought, check) -> None:
    """The call never arrived, and the provider fails again when the sweeper wants to make sure of that."""
    sandbox.fault("error", error_status=502, path=INTENTS, method="POST", times=1)
    order = bought()
    fails_and_keeps(sandbox, after=after)
    check(order, OrderStatus.CANCELLED)
