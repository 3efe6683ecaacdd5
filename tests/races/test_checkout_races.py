"""Concurrent checkouts: one order per cart, no overselling, and what happens with the guards off."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from django.db import IntegrityError, connection

from cart.exceptions import CartClosed, CheckoutInProgress
from checkout import place_order as path
from checkout.models import LIVE, Order
from config.exceptions import Refusal
from inventory.exceptions import InsufficientStock
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.guards_off import without_stock_lock
from tests.support.orders import order_of, stock_of
from tests.support.stock_locks import locked_until_waited_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def at_once(*calls: Callable[[], Order]) -> Counter[str]:
    """Run each call in its own thread, started together; count their outcomes."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Order]) -> str:
        start.wait(10)
        try:
            return call().status
        except Refusal as refusal:
            return type(refusal).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


@contextmanager
def no_redis_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if Redis were down: every caller gets the lock, and Postgres alone decides."""

    @contextmanager
    def always_acquired(_name: str, _seconds: float) -> Iterator[bool]:
        yield True

    with monkeypatch.context() as patch:
        patch.setattr(path, "redis_lock", always_acquired)
        yield


def test_ten_tabs_make_one_order_and_one_charge(sandbox) -> None:
    cart = ready_cart()
    answers = at_once(*[lambda: order_of(cart)] * 10)
    assert answers["paid"] == 1
    assert set(answers) <= {"paid", CheckoutInProgress.__name__, CartClosed.__name__}
    assert Order.objects.filter(status__in=LIVE).count() == 1
    assert sandbox.ledger()["captured"] == int(cart.total * 100)


def test_also_without_redis_locks(sandbox, monkeypatch) -> None:
    cart = ready_cart()
    with no_redis_lock(monkeypatch):
        answers = at_once(*[lambda: order_of(cart)] * 10)
    assert answers["paid"] == 1
    assert sandbox.ledger()["captured"] == int(cart.total * 100)


def test_twenty_buyers_of_five_units_in_opposite_order_buy_five(sandbox) -> None:
    first, second = ProductFactory(stock=5), ProductFactory(stock=5)
    carts = [ready_cart([first, second] if number % 2 else [second, first]) for number in range(20)]
    answers = at_once(*[lambda cart=cart: order_of(cart) for cart in carts])
    assert answers == {"paid": 5, InsufficientStock.__name__: 15}
    assert stock_of(first) == stock_of(second) == (0, 0)
    assert sandbox.ledger()["captured"] == 5 * int(carts[0].total * 100)


def test_without_the_row_lock_stock_would_be_oversold() -> None:
    """The control: with the guard off the race happens, and only the database's constraint stops it."""
    product = ProductFactory(stock=1)
    carts = [ready_cart([product]) for _ in range(8)]

    def attempt(cart) -> str:
        try:
            return order_of(cart).status
        except IntegrityError as error:
            return "stopped by the constraint" if "stock_reserved_within_on_hand" in str(error) else str(error)
        finally:
            connection.close()

    with without_stock_lock(), locked_until_waited_for(len(carts)), ThreadPoolExecutor(len(carts)) as pool:
        answers = Counter(pool.map(attempt, carts))
    assert answers == {"paid": 1, "stopped by the constraint": 7}
    assert stock_of(product) == (0, 0)
