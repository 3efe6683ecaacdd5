"""Steps that the checkout's tests share."""

import time
from collections.abc import Callable

from cart.snapshot import CartSnapshot
from checkout.models import Order
from checkout.place_order import PlaceOrder, place_order
from inventory.models import Product, Stock

VISA = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
AUTHENTICATE = "pm_card_authenticationRequired"


def order_of(cart: CartSnapshot, method: str = VISA, **changes: object) -> Order:
    """Place an order for what the cart shows, in Portuguese unless `changes` say otherwise."""
    command = {
        "cart_token": cart.id,
        "payment_method": method,
        "expected_total": cart.total,
        "language": "pt-br",
        "user_id": cart.user_id,
    }
    return place_order(PlaceOrder(**{**command, **changes}))


def stock_of(product: Product) -> tuple[int, int]:
    """On hand and reserved of a product that lies in one warehouse."""
    return Stock.objects.values_list("on_hand", "reserved").get(product=product)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what another process or thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)
