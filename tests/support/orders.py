"""Helpers for tests that place orders."""

from cart.snapshot import CartSnapshot
from checkout.models import Order
from checkout.place_order import PlaceOrder, place_order
from inventory.models import Product, Stock
from tests.support.waiting import eventually as eventually  # for tests that wait for an order

VISA = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
AUTHENTICATE = "pm_card_authenticationRequired"


def order_of(cart: CartSnapshot, method: str = VISA, **changes: object) -> Order:
    """Place an order with the cart's total, in Portuguese unless `changes` override it."""
    command = {
        "cart_token": cart.id,
        "payment_method": method,
        "expected_total": cart.total,
        "language": "pt-br",
        "user_id": cart.user_id,
    }
    return place_order(PlaceOrder(**{**command, **changes}))


def stock_of(product: Product) -> tuple[int, int]:
    """Units on hand and reserved of a product in a single warehouse."""
    return Stock.objects.values_list("on_hand", "reserved").get(product=product)
