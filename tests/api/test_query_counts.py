"""The number of statements never depends on the number of lines: the same for 2 and for 50, and not above what stands here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.accounts.factories import UserFactory
from tests.api.conftest import App
from tests.api.test_carts import DELIVERY
from tests.cart.factories import ready_cart
from tests.inventory.factories import ProductFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

Prepared = Callable[[], Any]


def products(lines: int) -> list[Any]:
    return [ProductFactory(sku=f"{lines}-{number}", stock=10) for number in range(lines)]


def list_products(lines: int) -> Prepared:
    products(lines)
    return lambda: App().get("products/")


def read_product(lines: int) -> Prepared:
    products(lines)
    return lambda: App().get(f"products/{lines}-0/")


def start_cart(lines: int) -> Prepared:
    return lambda: App().post("carts/")


def read_cart(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().get(f"carts/{cart.id}/")


def add_line(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().post(f"carts/{cart.id}/lines/", {"sku": f"{lines}-0", "quantity": 1})


def change_line(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().patch(f"carts/{cart.id}/lines/{lines}-0/", {"quantity": 2})


def remove_line(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().delete(f"carts/{cart.id}/lines/{lines}-0/")


def set_delivery(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().put(f"carts/{cart.id}/delivery/", DELIVERY)


def shipping_options(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().get(f"carts/{cart.id}/shipping-options/")


def choose_shipping(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().put(f"carts/{cart.id}/shipping/", {"code": "flat"})


def check_out(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().check_out(cart)


def check_out_declined(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    return lambda: App().check_out(cart, "pm_card_chargeDeclined")


def check_out_again(lines: int) -> Prepared:
    cart = ready_cart(products(lines))
    App().check_out(cart)
    return lambda: App().check_out(cart)


def read_order(lines: int) -> Prepared:
    order = App().check_out(ready_cart(products(lines))).json()
    return lambda: App().get(f"orders/{order['number']}/", order_token=order["token"])


def list_orders(lines: int) -> Prepared:
    user = UserFactory()
    app = App(user)
    goods = products(lines)
    for number in range(lines // 10 + 1):
        app.check_out(ready_cart(goods, user_id=user.pk), key=str(number))
    return lambda: app.get("orders/")


@pytest.mark.parametrize("warmth", ["cold", "warm"])
@pytest.mark.parametrize(
    ("prepare", "at_most"),
    [
        (list_products, 4), (read_product, 3), (start_cart, 2), (read_cart, 4), (add_line, 12), (change_line, 11),
        (remove_line, 11), (set_delivery, 11), (shipping_options, 6), (choose_shipping, 10), (check_out, 27),
        (check_out_declined, 25), (check_out_again, 4), (read_order, 3), (list_orders, 5),
    ],
)  # fmt: skip
def test_the_same_for_2_and_50_lines(prepare: Callable[[int], Prepared], at_most: int, warmth: str) -> None:
    few, many = (_statements(prepare, lines, warmth) for lines in (2, 50))
    assert len(few) == len(many), "\n".join(["with 2:", *few, "with 50:", *many])
    assert len(few) <= at_most, "\n".join(few)


def _statements(prepare: Callable[[int], Prepared], lines: int, warmth: str) -> list[str]:
    """The statements of the call that was prepared, with the caches as the preparation left them, or empty."""
    call = prepare(lines)
    if warmth == "cold":
        cache.delete_pattern("*")
    with CaptureQueriesContext(connection) as captured:
        answer = call()
    assert answer.status_code in (200, 201, 402), answer.content
    return [query["sql"] for query in captured.captured_queries]
