"""The budgets of `tests/budgets/budgets.py`, each measured with 1 line and with 50."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cart import services
from cart.models import Cart, CartLine
from cart.snapshot import CartSnapshot
from inventory import catalogue
from inventory.models import Product
from tests.budgets.budgets import BUDGETS
from tests.budgets.test_pages import holding
from tests.cart.test_api import DELIVERY
from tests.support.api import App
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS, flat_shipping
from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")

Prepared = Callable[[], Any]
Preparation = Callable[[int], Prepared]
MEASURED: dict[str, Preparation] = {}


def measures(*names: str) -> Callable[[Preparation], Preparation]:
    """Registers a preparation whose call is measured under these names."""

    def note(prepare: Preparation) -> Preparation:
        MEASURED.update(dict.fromkeys(names, prepare))
        return prepare

    return note


def shelf(lines: int) -> list[Product]:
    """Small things: fifty must fit into one parcel."""
    small = {"weight_grams": 100, "length_cm": 5, "width_cm": 5, "height_cm": 5}
    return ProductFactory.create_batch(lines, stock=10, category=CategoryFactory(), **small)


def open_cart(lines: int, user_id: int | None = None) -> CartSnapshot:
    """Its lines are inserted in bulk, since 50 service calls are slow."""
    cart = Cart.objects.get(token=services.create_cart(user_id).id)
    CartLine.objects.bulk_create(
        CartLine(cart=cart, product=product, quantity=1, position=place) for place, product in enumerate(shelf(lines))
    )
    return services.set_postal_code(cart.token, "01310200", user_id=user_id)


def ready_cart(lines: int, user_id: int | None = None) -> CartSnapshot:
    flat_shipping()
    cart = open_cart(lines, user_id)
    services.set_delivery(cart.id, email="ana@example.com", phone="", address=ADDRESS, user_id=user_id)
    return services.choose_shipping(cart.id, "flat", user_id=user_id)


def member_with_cart(lines: int) -> Client:
    user = UserFactory()
    ready_cart(lines, user.pk)
    client = Client()
    client.force_login(user)
    return client


@measures("catalogue, warm", "catalogue, cold")
def catalogue_page(lines: int) -> Prepared:
    shelf(lines)
    return lambda: Client().get("/")


@measures("product, warm", "product, cold")
def product(lines: int) -> Prepared:
    path = f"/products/{shelf(lines)[0].slug}/"
    return lambda: Client().get(path)


@measures("cart, warm", "cart, cold")
def cart_page(lines: int) -> Prepared:
    client = holding(ready_cart(lines))
    return lambda: client.get("/cart/")


@measures("badge, warm")
def badge(lines: int) -> Prepared:
    """The cart count in the header of another page."""
    client = holding(ready_cart(lines))
    return lambda: client.get("/help/")


@measures("checkout, warm")
def checkout(lines: int) -> Prepared:
    client = holding(ready_cart(lines))
    return lambda: client.get("/checkout/")


@measures("order")
def order(lines: int) -> Prepared:
    placed = order_of(ready_cart(lines))
    return lambda: Client().get(f"/orders/{placed.number}/?token={placed.token}")


@measures("catalogue, signed in, warm")
def catalogue_of_member(lines: int) -> Prepared:
    client = member_with_cart(lines)
    return lambda: client.get("/")


@measures("product, signed in, warm")
def product_of_member(lines: int) -> Prepared:
    client, path = member_with_cart(lines), f"/products/{shelf(1)[0].slug}/"
    return lambda: client.get(path)


@measures("cart, signed in, warm")
def cart_of_member(lines: int) -> Prepared:
    client = member_with_cart(lines)
    return lambda: client.get("/cart/")


@measures("checkout, signed in, warm")
def checkout_of_member(lines: int) -> Prepared:
    client = member_with_cart(lines)
    return lambda: client.get("/checkout/")


@measures("add to cart")
def add(lines: int) -> Prepared:
    return _adding(open_cart(lines))


@measures("add to cart with freight chosen")
def add_with_freight(lines: int) -> Prepared:
    return _adding(ready_cart(lines))


def _adding(cart: CartSnapshot) -> Prepared:
    """Adds a product that is in other carts too."""
    client, (wanted,) = holding(cart), shelf(1)
    services.add_line(services.create_cart().id, wanted.sku, 1)
    client.get("/cart/")
    return lambda: client.post("/cart/add/", {"sku": wanted.sku, "quantity": "1"}, headers={"hx-request": "true"})


@measures("lines in one call")
def lines_in_one_call(lines: int) -> Prepared:
    """As many as are in the cart."""
    cart, more = open_cart(lines), shelf(lines)
    catalogue.products_by_sku(product.sku for product in more)
    catalogue.availability([product.id for product in more])
    services.shipping_options(cart)
    wanted = [{"sku": product.sku, "quantity": 1} for product in more]
    return lambda: App().post(f"carts/{cart.id}/lines/", {"lines": wanted})


@measures("cart in one call")
def cart_in_one_call(lines: int) -> Prepared:
    """Of products that others have bought, to a place where others live."""
    others = ready_cart(lines)
    contents = {
        "lines": [{"sku": line.sku, "quantity": 1} for line in others.lines],
        "delivery": DELIVERY,
        "shipping": {"code": "flat"},
    }
    catalogue.products_by_sku(line.sku for line in others.lines)
    return lambda: App().post("carts/", contents)


@measures("place order")
def place(lines: int) -> Prepared:
    cart = ready_cart(lines)
    return lambda: order_of(cart)


@measures("pay")
def pay(lines: int) -> Prepared:
    cart = ready_cart(lines)
    return lambda: App().check_out(cart)


def test_every_budget_is_measured() -> None:
    assert set(MEASURED) == set(BUDGETS)


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_holds_for_1_and_50_lines(name: str) -> None:
    for lines in (1, 50):
        statements = list(_statements(name, lines))
        assert len(statements) == BUDGETS[name], "\n".join([f"{name}, {lines} lines:", *statements])


def _statements(name: str, lines: int) -> Iterator[str]:
    cache.delete_pattern("*")
    call = MEASURED[name](lines)
    if name.endswith("cold"):
        cache.delete_pattern("*")
        catalogue._ids_seen.clear()
    if name.endswith("warm"):
        call()
    with CaptureQueriesContext(connection) as captured:
        answer = call()
    assert getattr(answer, "status_code", 200) in (200, 201), answer
    for query in captured.captured_queries:
        if not query["sql"].startswith(TRANSACTION_CONTROL):
            yield " ".join(query["sql"].split())[:160]


def test_a_guest_touches_no_session() -> None:
    """No session is read or started for a guest who browses or fills a cart."""
    client, (wanted,) = holding(ready_cart(1)), shelf(1)
    cache.delete_pattern("*")
    for path in ("/", f"/products/{wanted.slug}/", "/cart/", "/checkout/"):
        response = client.get(path)
        assert response.status_code == 200
        assert not response.wsgi_request.session.modified
        assert "sessionid" not in client.cookies
    client.post("/cart/add/", {"sku": wanted.sku, "quantity": "1"})
    assert "sessionid" not in client.cookies
    assert not list(cache.iter_keys("django.contrib.sessions.*"))  # type: ignore[attr-defined]
