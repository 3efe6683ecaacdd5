"""The number of statements does not depend on the number of lines: the same for 2 and for 50, and bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cart import services
from cart.models import Cart, CartLine
from cart.snapshot import CartSnapshot
from inventory import catalogue
from tests.cart.test_api import DELIVERY
from tests.support.api import App
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")

Prepared = Callable[[], Any]


def products(lines: int) -> list[Any]:
    return [ProductFactory(sku=f"{lines}-{number}", stock=10) for number in range(lines)]


def big_cart(lines: int) -> CartSnapshot:
    """Ready to be paid; its lines are inserted in bulk, since 50 service calls are slow."""
    flat_shipping()
    token = services.create_cart().id
    cart = Cart.objects.get(token=token)
    CartLine.objects.bulk_create(CartLine(cart=cart, product=product, quantity=1) for product in products(lines))
    services.set_delivery(token, email="ana@example.com", phone="", address=ADDRESS)
    return services.choose_shipping(token, "flat")


def list_products(lines: int) -> Prepared:
    products(lines)
    return lambda: App().get("products/")


def read_product(lines: int) -> Prepared:
    products(lines)
    return lambda: App().get(f"products/{lines}-0/")


def start_cart(lines: int) -> Prepared:
    return lambda: App().post("carts/")


def start_whole_cart(lines: int) -> Prepared:
    flat_shipping()
    goods = [{"sku": product.sku, "quantity": 1} for product in products(lines)]
    return lambda: App().post("carts/", {"lines": goods, "delivery": DELIVERY, "shipping": {"code": "flat"}})


def read_cart(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().get(f"carts/{cart.id}/")


def add_line(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().post(f"carts/{cart.id}/lines/", {"sku": f"{lines}-0", "quantity": 1})


def add_lines(lines: int) -> Prepared:
    cart, more = big_cart(lines), ProductFactory.create_batch(lines, stock=10)
    wanted = [{"sku": product.sku, "quantity": 1} for product in more]
    return lambda: App().post(f"carts/{cart.id}/lines/", {"lines": wanted})


def change_line(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().patch(f"carts/{cart.id}/lines/{lines}-0/", {"quantity": 2})


def remove_line(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().delete(f"carts/{cart.id}/lines/{lines}-0/")


def set_delivery(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().put(f"carts/{cart.id}/delivery/", DELIVERY)


def shipping_options(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().get(f"carts/{cart.id}/shipping-options/")


def choose_shipping(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().put(f"carts/{cart.id}/shipping/", {"code": "flat"})


def check_out(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().check_out(cart)


def check_out_declined(lines: int) -> Prepared:
    cart = big_cart(lines)
    return lambda: App().check_out(cart, "pm_card_chargeDeclined")


def check_out_again(lines: int) -> Prepared:
    cart = big_cart(lines)
    App().check_out(cart)
    return lambda: App().check_out(cart)


def read_order(lines: int) -> Prepared:
    order = App().check_out(big_cart(lines)).json()
    return lambda: App().get(f"orders/{order['number']}/", order_token=order["token"])


def list_orders(lines: int) -> Prepared:
    user = UserFactory()
    app = App(user)
    goods = products(lines)
    for number in range(lines // 10 + 1):
        app.check_out(ready_cart(goods[:2], user_id=user.pk), key=str(number))
    return lambda: app.get("orders/")


@pytest.mark.parametrize("warmth", ["cold", "warm"])
@pytest.mark.parametrize(
    ("prepare", "at_most"),
    [
        (list_products, 4), (read_product, 3), (start_cart, 2), (start_whole_cart, 9), (read_cart, 6), (add_line, 13),
        (add_lines, 13), (change_line, 11), (remove_line, 10), (set_delivery, 7), (shipping_options, 6),
        (choose_shipping, 9), (check_out, 23),
        (check_out_declined, 22), (check_out_again, 2), (read_order, 3), (list_orders, 5),
    ],
)  # fmt: skip
def test_the_same_for_2_and_50_lines(prepare: Callable[[int], Prepared], at_most: int, warmth: str) -> None:
    few, many = (_statements(prepare, lines, warmth) for lines in (2, 50))
    assert len(few) == len(many), "\n".join(["with 2:", *few, "with 50:", *many])
    assert len(few) <= at_most, "\n".join(few)


def _statements(prepare: Callable[[int], Prepared], lines: int, warmth: str) -> list[str]:
    """The statements of the prepared call, with the caches left warm by the preparation, or emptied."""
    cache.delete_pattern("*")
    call = prepare(lines)
    if warmth == "cold":
        cache.delete_pattern("*")
        catalogue._ids_seen.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = call()
    assert answer.status_code in (200, 201, 402), answer.content
    statements = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in statements if not sql.startswith(TRANSACTION_CONTROL)]
