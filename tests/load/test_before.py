"""The old shop works, and costs what the plan says: more statements per line. The new one does not."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from zeal import zeal_ignore

from checkout.models import Order
from inventory.models import Product, Stock
from payments.models import PaymentAttempt
from tests.load import verify
from tests.load.before import settings as old
from tests.support.api import App
from tests.support.carrier import StandInCarrier
from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.processes import database_url
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = {
    "name": "Ana Souza", "street": "Avenida Paulista", "number": "1000", "district": "Bela Vista",
    "city": "São Paulo", "state": "SP", "postal_code": "01310200", "country": "BR",
}  # fmt: skip


@pytest.fixture
def old_shop(settings: Any) -> Iterator[App]:
    """Apply the changes of `tests.load.before.settings` in this process. Its N+1 queries are intended."""
    for name in ("ROOT_URLCONF", "MIDDLEWARE", "SESSION_ENGINE"):
        setattr(settings, name, getattr(old, name))
    with zeal_ignore():
        yield App()


@pytest.fixture
def new_shop() -> App:
    return App()


@pytest.fixture(autouse=True)
def outside(sandbox: Sandbox, carrier: StandInCarrier) -> None:
    """Provider and carrier, for both."""


def goods(number: int) -> list[Product]:
    small = {"weight_grams": 100, "length_cm": 5, "width_cm": 5, "height_cm": 5}
    return ProductFactory.create_batch(number, stock=10, category=CategoryFactory(), **small)


def cart_up_to_the_payment(shop: App, products: list[Product]) -> dict[str, Any]:
    cart = f"carts/{shop.post('carts/').json()['id']}"
    for product in products:
        assert shop.post(f"{cart}/lines/", {"sku": product.sku, "quantity": 1}).status_code == 201
    delivery = {"email": "ana@example.com", "phone": "11987654321", "address": ADDRESS}
    assert shop.put(f"{cart}/delivery/", delivery).status_code == 200
    (option, *_) = shop.get(f"{cart}/shipping-options/").json()["options"]
    document: dict[str, Any] = shop.put(f"{cart}/shipping/", {"code": option["code"]}).json()
    return document


def units() -> int:
    return sum(Stock.objects.values_list("on_hand", flat=True))


def statements(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert call().status_code in (200, 201)
    return len(captured)


def test_the_old_shop_sells(old_shop: App, mailoutbox: list[Any]) -> None:
    products = goods(2)
    before = units()
    cart = cart_up_to_the_payment(old_shop, products)
    document = old_shop.check_out(cart).json()
    order = Order.objects.get(number=document["number"])
    assert (order.status, order.payment.status, order.lines.count()) == ("paid", "paid", 2)
    assert f"{order.total:.2f}" == cart["total"] == document["total"]
    assert units() == before - 2
    assert [mail.to for mail in mailoutbox] == [["ana@example.com"]]
    assert old_shop.get(f"orders/{order.number}/", order_token=order.token).json() == document


STEPS: dict[str, Callable[[App, dict[str, Any]], Any]] = {
    "cart": lambda shop, cart: shop.get(f"carts/{cart['id']}/"),
    "place order": lambda shop, cart: shop.check_out(cart),
}


def test_an_order_counts_only_as_reported(old_shop: App) -> None:
    cart = cart_up_to_the_payment(old_shop, goods(2))
    number = old_shop.check_out(cart).json()["number"]
    unpaid = old_shop.check_out(cart_up_to_the_payment(old_shop, goods(1))).json()["number"]
    Order.objects.filter(number=unpaid).update(status="awaiting_payment")
    url = database_url()
    assert verify.good_orders(url, {number: 2}) == {number}
    assert verify.good_orders(url, {number: 3, unpaid: 1, "NEVERTHERE": 1}) == set()


def test_the_order_must_have_been_paid_for_in_full(old_shop: App) -> None:
    number = old_shop.check_out(cart_up_to_the_payment(old_shop, goods(1))).json()["number"]
    PaymentAttempt.objects.update(captured=F("captured") - Decimal("0.01"))
    assert verify.good_orders(database_url(), {number: 1}) == set()


def test_units_sold_twice_are_found(old_shop: App) -> None:
    cart = cart_up_to_the_payment(old_shop, goods(2))
    url = database_url()
    at_start = verify.on_hand(url)
    old_shop.check_out(cart)
    assert verify.units_sold_twice(url, at_start) == 0
    # As if two shoppers read the same number and both wrote it minus one.
    stock = Stock.objects.latest("pk")
    Stock.objects.filter(pk=stock.pk).update(on_hand=stock.on_hand + 1)
    assert verify.units_sold_twice(url, at_start) == 1


@pytest.mark.parametrize("step", STEPS)
def test_statements_grow_with_lines_in_the_old_shop_alone(step: str, request: pytest.FixtureRequest) -> None:
    counted: dict[str, list[int]] = {}
    for name in ("new_shop", "old_shop"):
        shop = request.getfixturevalue(name)
        counted[name] = []
        for lines in (1, 4):
            cart = cart_up_to_the_payment(shop, goods(lines))
            counted[name].append(statements(partial(STEPS[step], shop, cart)))
    assert counted["new_shop"][0] == counted["new_shop"][1]
    few, many = counted["old_shop"]
    assert many >= few + 3 * 2
