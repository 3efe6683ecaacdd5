"""Reads of products, carts and orders carry an ETag of the whole answer, and are not sent again to who has them."""

from collections.abc import Callable
from typing import Any

import pytest

from checkout.settle import cancel_pending_payment
from inventory import catalogue
from inventory.models import Product
from tests.support.api import App, assert_problem
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.factories.inventory import ProductFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]

Read = Callable[..., Any]


@pytest.fixture
def product() -> Product:
    return ProductFactory(sku="MUG", stock=5, name="Caneca")


@pytest.fixture(params=["products", "product", "cart", "order", "orders"])
def read(request: pytest.FixtureRequest, product: Product, users_app: App, user: Any) -> Read:
    """Reads one of them as its owner."""
    kind = request.param
    if kind.startswith("product"):
        path = "products/" if kind == "products" else "products/MUG/"
    elif kind == "cart":
        path = f"carts/{filled_cart([product], user_id=user.pk).id}/"
    else:
        order = users_app.check_out(ready_cart([product], user_id=user.pk)).json()
        path = "orders/" if kind == "orders" else f"orders/{order['number']}/"
    return lambda **headers: users_app.get(path, **headers)


def test_the_same_answer_is_not_sent_again(read: Read) -> None:
    first = read()
    assert (first.status_code, bool(first.content)) == (200, True)
    again = read(if_none_match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    for name in ("Cache-Control", "Vary"):
        assert set(again.headers[name].split(", ")) == set(first.headers[name].split(", "))


@pytest.mark.parametrize("form", ["W/{}", '"other", {}', "*"])
def test_every_form_of_the_header_is_understood(read: Read, form: str) -> None:
    assert read(if_none_match=form.format(read().headers["ETag"])).status_code == 304


@pytest.mark.parametrize("tag", ['"other"', "", "no tag", "W/"])
def test_another_tag_gets_the_answer(read: Read, tag: str) -> None:
    assert (read(if_none_match=tag).status_code, bool(read().content)) == (200, True)


@pytest.mark.parametrize("kind", ["products", "product"])
def test_a_product_that_changed_is_sent(kind: str, app: App, product: Product) -> None:
    path = "products/" if kind == "products" else "products/MUG/"
    tag = app.get(path).headers["ETag"]
    product.price += 1
    product.save()
    changed = app.get(path, if_none_match=tag)
    assert (changed.status_code, changed.headers["ETag"] == tag) == (200, False)
    product.stocks.update(on_hand=0)
    catalogue.forget_availability([product.pk])
    assert app.get(path, if_none_match=changed.headers["ETag"]).status_code == 200


def test_a_cart_that_looks_different_is_sent_whatever_its_version(app: App, product: Product) -> None:
    """A price is the product's: no cart is written when it changes."""
    path = f"carts/{filled_cart([product]).id}/"
    first = app.get(path)
    product.price += 1
    product.save()
    second = app.get(path, if_none_match=first.headers["ETag"])
    assert second.status_code == 200
    assert second.json()["version"] == first.json()["version"]


def test_an_order_that_changed_is_sent(app: App, product: Product) -> None:
    cart = ready_cart([product])
    order = app.check_out(cart, "pm_card_authenticationRequired").json()
    path, key = f"orders/{order['number']}/", {"order_token": order["token"]}
    tag = app.get(path, **key).headers["ETag"]
    assert app.get(path, **key, if_none_match=tag).status_code == 304
    cancel_pending_payment(cart.id, None)
    assert app.get(path, **key, if_none_match=tag).status_code == 200


def test_a_tag_opens_nothing(app: App, product: Product) -> None:
    """Who may not read gets the refusal, with a tag and with `*`."""
    order = app.check_out(ready_cart([product])).json()
    for tag in (app.get(f"orders/{order['number']}/", order_token=order["token"]).headers["ETag"], "*"):
        assert_problem(app.get(f"orders/{order['number']}/", if_none_match=tag), 404, "not_found")


def test_personal_answers_are_still_not_kept_by_caches(app: App, product: Product) -> None:
    private = app.get(f"carts/{filled_cart([product]).id}/").headers["Cache-Control"]
    assert set(private.split(", ")) == {"private", "no-store"}
    assert app.get("products/MUG/").headers["Cache-Control"] == "no-cache"


def test_writes_have_no_tag(app: App) -> None:
    assert "ETag" not in app.post("carts/").headers
