"""Steps that the checkout's tests share."""

from cart.snapshot import CartSnapshot
from checkout.models import Order
from checkout.place_order import PlaceOrder, place_order
from inventory.models import Product, Stock
from tests.support.waiting import eventually as eventually  # for all who wait for an order

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
