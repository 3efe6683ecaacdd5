"""What every page's header knows of the cart."""

from collections.abc import Callable

from django.http import HttpRequest

from cart.session import current_cart


def cart_count(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """`cart_count`: how many things are in the cart. Nothing is read where no template asks."""

    def count() -> int:
        cart = current_cart(request)
        return cart.item_count if cart else 0

    return {"cart_count": count}
