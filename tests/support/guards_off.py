"""Guards switched off, to show that a race is real: with them off it is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection

from cart.models import Cart, CartQuerySet, CartStatus
from checkout import place_order as path
from checkout.models import LIVE, Order

ONE_LIVE_ORDER = next(
    constraint for constraint in Order._meta.constraints if constraint.name == "order_one_live_order_per_cart"
)


@contextmanager
def without_one_live_order_per_cart() -> Iterator[None]:
    """The database lets a cart have several live orders. What is left of them must be mended before it ends."""
    with connection.schema_editor() as editor:
        editor.remove_constraint(Order, ONE_LIVE_ORDER)
    try:
        yield
    finally:
        doubled = Order.objects.filter(status__in=LIVE).order_by("cart", "pk")
        first = {order.cart_id: order.pk for order in reversed(doubled)}
        doubled.exclude(pk__in=first.values()).update(status="cancelled")
        with connection.schema_editor() as editor:
            editor.add_constraint(Order, ONE_LIVE_ORDER)


@contextmanager
def without_redis_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if Redis were away: everybody is let through, and Postgres alone decides."""

    @contextmanager
    def open_door(_name: str, _seconds: float) -> Iterator[bool]:
        yield True

    with monkeypatch.context() as patch:
        patch.setattr(path, "redis_lock", open_door)
        yield


@contextmanager
def without_cart_lock(monkeypatch: pytest.MonkeyPatch, callers: int) -> Iterator[None]:
    """Everybody reads the cart as open, without its row's lock, and all of them before anybody writes."""
    everybody_has_looked = Barrier(callers, timeout=3)

    def look(self: CartQuerySet, token: str, user_id: int | None) -> Cart:
        cart = CartQuerySet(Cart).fetch(token, user_id)
        cart.status = CartStatus.OPEN
        _wait(everybody_has_looked)
        return cart

    with monkeypatch.context() as patch:
        patch.setattr(CartQuerySet, "fetch_locked", look)
        yield


def _wait(barrier: Barrier) -> None:
    try:
        barrier.wait()
    except BrokenBarrierError:
        return
