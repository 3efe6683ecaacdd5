"""Guards switched off, to show that the race they prevent is real."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError
from unittest import mock

import pytest
from django.db import connection

from cart.models import Cart, CartManager, CartStatus
from checkout import place_order as path
from checkout.models import LIVE, Order
from inventory.models import holding

ONE_LIVE_ORDER = next(
    constraint for constraint in Order._meta.constraints if constraint.name == "order_one_live_order_per_cart"
)


@contextmanager
def without_one_live_order_per_cart() -> Iterator[None]:
    """The database allows several live orders per cart. All but one per cart are cancelled afterwards."""
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
    """As if Redis were down: every caller gets the lock, and Postgres alone decides."""

    @contextmanager
    def always_acquired(_name: str, _seconds: float) -> Iterator[bool]:
        yield True

    with monkeypatch.context() as patch:
        patch.setattr(path, "redis_lock", always_acquired)
        yield


@contextmanager
def without_cart_lock(monkeypatch: pytest.MonkeyPatch, callers: int) -> Iterator[None]:
    """Every caller reads the cart as open, without its row lock, and all of them read before any writes."""
    all_have_read = Barrier(callers, timeout=3)

    def read_unlocked(token: str, user_id: int | None) -> Cart:
        cart = Cart.objects.fetch(token, user_id)
        cart.status, cart.declines_of_person = CartStatus.OPEN, 0
        _wait(all_have_read)
        return cart

    with monkeypatch.context() as patch:
        patch.setattr(path.cards, "fetch_locked", read_unlocked)
        patch.setattr(CartManager, "fetch_locked", lambda _carts, *asked: read_unlocked(*asked))
        yield


@contextmanager
def without_stock_lock() -> Iterator[None]:
    """Stock is taken without locking it first: buyers decide on what they see when their statement begins."""
    unlocked = holding.SQL.replace(" FOR UPDATE OF stock", "")
    assert unlocked != holding.SQL
    with mock.patch.object(holding, "SQL", unlocked):
        yield


def _wait(barrier: Barrier) -> None:
    try:
        barrier.wait()
    except BrokenBarrierError:
        return
