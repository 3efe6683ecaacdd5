"""The cart in every page's header."""

from collections.abc import Callable

from django.http import HttpRequest

from cart.session import current_cart


def cart_count(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """`cart_count`: the number of units in the cart. Lazy: read only if a template uses it."""

    def count() -> int:
        cart = current_cart(request)
        return cart.item_count if cart else 0

    return {"cart_count": count}
