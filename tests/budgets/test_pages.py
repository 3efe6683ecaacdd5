"""The number of queries of a page does not depend on its length: measured with 2 and 50 lines, cold and warm."""

from collections.abc import Callable

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cart import session
from cart.snapshot import CartSnapshot
from checkout.models import Order
from config.accounts.models import User
from inventory.models import Product
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.orders import order_of
from tests.support.pages import Visitor
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

SIZES = (2, 50)


def products(number: int) -> list[Product]:
    """Small ones: fifty must fit into one parcel."""
    shelf = CategoryFactory()
    return ProductFactory.create_batch(
        number, stock=5, category=shelf, weight_grams=100, length_cm=5, width_cm=5, height_cm=5
    )


def holding(cart: CartSnapshot) -> Client:
    """A guest's browser with the cart in its cookie."""
    client = Client(headers={"accept-language": "en"})
    signer = signing.get_cookie_signer(salt=session.COOKIE + session.SALT)
    client.cookies[session.COOKIE] = signer.sign(cart.id)
    return client


def cost(client: Client, path: str, *, shows: str, times: int) -> tuple[int, int]:
    """Queries of a page with a cold cache and of the same page right after; it shows `shows` at least `times` times."""
    cache.delete_pattern("*")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
        assert response.status_code == 200, path
        assert response.content.decode().count(shows) >= times, path
        counts.append(len(queries))
    return counts[0], counts[1]


def same_for_all_sizes(measure: Callable[[int], tuple[int, int]], most_cold: int, most_warm: int) -> None:
    costs = [measure(size) for size in SIZES]
    assert costs[0] == costs[1]
    cold, warm = costs[0]
    assert cold <= most_cold
    assert warm <= most_warm


def test_the_catalogue() -> None:
    def measure(size: int) -> tuple[int, int]:
        Product.objects.update(active=False)
        products(size)
        return cost(Client(), "/", shows='<li class="card', times=min(size, 24))

    same_for_all_sizes(measure, most_cold=4, most_warm=0)


def test_a_product_among_others() -> None:
    def measure(size: int) -> tuple[int, int]:
        product = products(size)[-1]
        return cost(Client(), f"/products/{product.slug}/", shows=product.sku, times=1)

    same_for_all_sizes(measure, most_cold=3, most_warm=0)


def test_the_cart() -> None:
    def measure(size: int) -> tuple[int, int]:
        client = holding(ready_cart(products(size)))
        return cost(client, "/cart/", shows='class="line"', times=size)

    same_for_all_sizes(measure, most_cold=6, most_warm=0)


@pytest.mark.parametrize("part", ["contact", "delivery", ""])
def test_the_checkout(part: str) -> None:
    def measure(size: int) -> tuple[int, int]:
        client = holding(ready_cart(products(size)))
        return cost(client, f"/checkout/?edit={part}", shows='width="44"', times=size)

    same_for_all_sizes(measure, most_cold=6, most_warm=0)


def test_the_checkout_of_a_member_with_orders(sandbox: Sandbox) -> None:
    def measure(size: int) -> tuple[int, int]:
        user = UserFactory()
        order_of(ready_cart(products(size), user_id=user.pk))
        filled_cart(products(size), user_id=user.pk)
        return cost(_signed_in(user), "/checkout/", shows='width="44"', times=size)

    same_for_all_sizes(measure, most_cold=7, most_warm=2)


def _signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.mark.parametrize("method", ["pm_card_visa", "pix"])
def test_an_order(sandbox: Sandbox, method: str) -> None:
    def measure(size: int) -> tuple[int, int]:
        order = order_of(ready_cart(products(size)), method)
        return cost(Client(), f"/orders/{order.number}/?token={order.token}", shows="× 1", times=size)

    same_for_all_sizes(measure, most_cold=3, most_warm=3)


def test_an_order_that_has_just_been_paid(sandbox: Sandbox) -> None:
    """The browser still has the cookie of the cart that became the order."""

    def measure(size: int) -> tuple[int, int]:
        cart = ready_cart(products(size))
        order = order_of(cart)
        return cost(holding(cart), f"/orders/{order.number}/?token={order.token}", shows="Cart, empty", times=1)

    same_for_all_sizes(measure, most_cold=3, most_warm=3)


def test_giving_goods_back(sandbox: Sandbox) -> None:
    def measure(size: int) -> tuple[int, int]:
        order = order_of(ready_cart(products(size)))
        return cost(Client(), f"/orders/{order.number}/returns/?token={order.token}", shows='id="id_line_', times=size)

    same_for_all_sizes(measure, most_cold=3, most_warm=3)


def test_my_orders(sandbox: Sandbox) -> None:
    def measure(size: int) -> tuple[int, int]:
        user = UserFactory()
        order_of(ready_cart(products(size), user_id=user.pk))
        template = Order.objects.get(user=user)
        assert template.lines.count() == size
        for _ in range(min(size, 4) - 1):
            order_of(ready_cart(products(2), user_id=user.pk))
        return cost(_signed_in(user), "/orders/", shows="order-row", times=min(size, 4))

    same_for_all_sizes(measure, most_cold=6, most_warm=4)


def test_the_first_product_of_a_guest() -> None:
    """The cart and its line are written together."""
    (product,) = products(1)
    client = Client(headers={"accept-language": "en", "hx-request": "true"})
    with CaptureQueriesContext(connection) as queries:
        page = client.post("/cart/add/", {"sku": product.sku, "quantity": "2"})
    assert "You now have 2 of these" in page.text
    assert session.COOKIE in page.cookies
    assert len(queries) <= 7


def test_adding_to_the_cart_and_changing_it() -> None:
    def measure(size: int) -> tuple[int, int]:
        goods = products(size + 1)
        client = holding(ready_cart(goods[:-1]))
        counts = []
        for path, data in [("/cart/add/", {"sku": goods[-1].sku, "quantity": "1"}),
                           (f"/cart/line/{goods[0].sku}/", {"quantity": "3"})]:  # fmt: skip
            cache.delete_pattern("*")
            with CaptureQueriesContext(connection) as queries:
                assert client.post(path, data, headers={"hx-request": "true"}).status_code == 200
            counts.append(len(queries))
        return counts[0], counts[1]

    same_for_all_sizes(measure, most_cold=18, most_warm=18)


def test_a_visitor_without_a_cart(django_assert_num_queries: Callable[[int], object]) -> None:
    visitor = Visitor()
    with django_assert_num_queries(0):
        for path in ("/cart/", "/help/", "/account/sign-in/", "/account/data/", "/account/data/sent/", "/orders/find/"):
            visitor.open(path)
