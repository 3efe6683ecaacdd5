"""Strangers ask for Pix codes of everything and pay none: the shelves stay open, and shoppers go on buying."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from cart.snapshot import CartSnapshot
from checkout.models import Order, OrderStatus
from inventory.models import Product, ReservationLine
from tests.faults import FULL
from tests.support.api import App
from tests.support.books import Books
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, VISA, stock_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import pass_time, two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

FAULT = "holding bounds: strangers who pay no code"
PRODUCTS, UNITS, SHARE = 30, 70, 21
CARTS, NETWORKS, SHOPPERS, AT_ONCE = (60, 6, 40, 6) if FULL else (30, 3, 10, 6)


def from_network(number: int) -> App:
    app = App()
    app._client.defaults["REMOTE_ADDR"] = f"203.0.113.{number}"
    return app


def check_out(number: int, cart: CartSnapshot, method: str) -> int:
    return from_network(number).check_out(cart, method, key=str(uuid4())).status_code


def at_once(calls: list[Callable[[], int]]) -> Counter[int]:
    def answer(call: Callable[[], int]) -> int:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(answer, calls))


def unpaid_by_product() -> list[int]:
    lines = ReservationLine.objects.unpaid(timezone.now()).order_by().values("stock__product")
    return list(lines.annotate(units=Sum("quantity")).values_list("units", flat=True))


@pytest.fixture
def shelf(books: Books) -> list[Product]:
    made = [
        ProductFactory(stock=UNITS, weight_grams=100, length_cm=5, width_cm=5, height_cm=5) for _ in range(PRODUCTS)
    ]
    books.open()
    return made


def test_shelves_stay_open_while_strangers_hold_all_they_can(
    shelf: list[Product], sandbox: Sandbox, books: Books
) -> None:
    carts = ready_carts(shelf, CARTS)
    calls = [
        lambda number=number, cart=cart, method=method: check_out(number, cart, method)
        for number, cart, method in zip(
            cycle(range(NETWORKS)), carts, cycle(["pix", "pix", AUTHENTICATE]), strict=False
        )
    ]
    answers = at_once(calls)
    # Six orders of thirty units stay within the two hundred of a network.
    accepted = min(6 * NETWORKS, SHARE)
    assert answers == {202: accepted, 503: CARTS - accepted}
    assert max(unpaid_by_product()) == answers[202] <= SHARE

    while answers[202] < SHARE:  # what is left of the share is everybody's
        assert check_out(101, ready_cart(shelf[:1]), "pix") == 202
        answers[202] += 1
    assert check_out(102, ready_cart(shelf[:1]), "pix") == 503
    assert max(unpaid_by_product()) == SHARE
    shoppers = ready_carts(shelf[:1], SHOPPERS)
    assert at_once([lambda cart=cart: check_out(102, cart, VISA) for cart in shoppers]) == {201: SHOPPERS}

    pass_time(15 * 60, sandbox)
    two_minutes()
    assert stock_of(shelf[0]) == (UNITS - SHOPPERS, 0)
    assert Order.objects.filter(status=OrderStatus.PAID).count() == SHOPPERS
    assert not Order.objects.awaiting_payment().exists()
    books.check(FAULT, CARTS)
