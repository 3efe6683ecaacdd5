"""The cart's page, as requested by a browser without scripts and by HTMX."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cart.models import Cart, CartLine
from cart.session import COOKIE
from inventory.models import Product, Stock
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import filled_cart, flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.pages import Page, Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]

HTMX = {"HX-Request": "true"}


def put(visitor: Visitor, product: Product, quantity: int = 1) -> Page:
    return visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity=str(quantity))


def test_an_empty_cart_says_so(visitor: Visitor) -> None:
    page = visitor.open("/cart/")
    assert "Your cart is empty" in page.html
    assert COOKIE not in visitor.client.cookies


def test_adding_leads_to_the_cart_and_says_so(visitor: Visitor) -> None:
    page = put(visitor, ProductFactory(name="Cuia", price=Decimal("19.90"), stock=9), 2)
    assert page.url == "/cart/"
    assert "Added to your cart: Cuia." in page.html
    assert "R$\u00a039.80" in page.html
    assert "Cart, 2 items" in page.html


def test_each_browser_has_its_own_cookie(visitor: Visitor) -> None:
    put(visitor, ProductFactory(stock=9))
    cookie = visitor.client.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 30 * 24 * 3600


def test_a_cookie_that_was_tampered_with_opens_nothing(visitor: Visitor) -> None:
    put(visitor, ProductFactory(stock=9))
    visitor.client.cookies[COOKIE] = visitor.client.cookies[COOKIE].value + "x"
    assert "Your cart is empty" in visitor.open("/cart/").html


def test_with_htmx_the_products_page_stays(visitor: Visitor) -> None:
    product = ProductFactory(stock=9)
    response = visitor.client.post("/cart/add/", {"sku": product.sku, "quantity": "2"}, headers=HTMX)
    assert response.status_code == 200
    assert b"<html" not in response.content
    assert b"Added to your cart. You now have 2 of these." in response.content
    assert b'id="cart-link"' in response.content


def test_more_than_is_available_is_refused_with_the_number(visitor: Visitor) -> None:
    product = ProductFactory(stock=3)
    page = put(visitor, product, 5)
    assert page.url == f"/products/{product.slug}/"
    assert "Only 3 left" in page.html
    response = visitor.client.post("/cart/add/", {"sku": product.sku, "quantity": "5"}, headers=HTMX)
    assert response.status_code == 422
    assert b"Only 3 left" in response.content


def test_a_refused_first_product_leaves_no_empty_cart(visitor: Visitor) -> None:
    page = put(visitor, ProductFactory(stock=3), 4)
    assert "Only 3 left" in page.html
    assert not Cart.objects.exists()
    assert COOKIE not in visitor.client.cookies


@pytest.mark.parametrize("quantity", ["0", "-1", "1000", "two", "", "1.000", "1,5"])
def test_an_invalid_quantity_is_refused_with_a_message(visitor: Visitor, quantity: str) -> None:
    product = ProductFactory(stock=3)
    page = put(visitor, product)
    page = visitor.open(f"/products/{product.slug}/").send("/cart/add/", quantity=quantity)
    assert page.url == f"/products/{product.slug}/"
    assert "notice--error" in page.html


def test_an_unknown_product_leads_to_the_catalogue(visitor: Visitor) -> None:
    response = visitor.client.post("/cart/add/", {"sku": "NEVER", "quantity": "1"}, follow=True)
    assert response.request["PATH_INFO"] == "/"
    assert b"This product is not available." in response.content


def test_plus_minus_and_remove_work_without_scripts(visitor: Visitor) -> None:
    product = ProductFactory(stock=9)
    page = put(visitor, product, 2)
    line = f"/cart/line/{product.sku}/"
    assert page.form(line).buttons == [("to", "1"), ("to", "3"), ("to", "0")]
    page = page.send(line, to="3")
    assert page.form(line).fields["quantity"] == "3"
    page = page.send(line, to="0")
    assert "Your cart is empty" in page.html
    assert "Removed: " in page.html


def test_a_typed_quantity_is_accepted(visitor: Visitor) -> None:
    product = ProductFactory(stock=9)
    page = put(visitor, product).send(f"/cart/line/{product.sku}/", quantity="7")
    assert page.form("/cart/line/").fields["quantity"] == "7"


def test_too_many_keep_the_line_and_say_why_beside_it(visitor: Visitor) -> None:
    product = ProductFactory(stock=3)
    page = put(visitor, product, 2).send(f"/cart/line/{product.sku}/", quantity="8")
    assert page.status == 422
    assert page.form("/cart/line/").fields["quantity"] == "2"
    assert f'aria-describedby="problem-{product.id}"' in page.html
    assert "Only 3 left" in page.html


def test_a_line_removed_in_another_tab_is_explained(visitor: Visitor) -> None:
    page = put(visitor, ProductFactory(sku="GONE", stock=9))
    put(visitor, ProductFactory(stock=9))
    page.send("/cart/line/GONE/", to="0")
    for headers in ({}, HTMX):
        response = visitor.client.post("/cart/line/GONE/", {"quantity": "2"}, headers=headers)
        assert response.status_code == 422
        assert b"This product is not in the cart." in response.content


def test_htmx_gets_only_the_part_that_changes(visitor: Visitor) -> None:
    product = ProductFactory(stock=9)
    put(visitor, product)
    response = visitor.client.post(f"/cart/line/{product.sku}/", {"quantity": "4"}, headers=HTMX)
    html = response.content.decode()
    assert "<html" not in html
    assert html.lstrip().startswith('<div id="cart"')
    assert "Cart, 4 items" in html


def test_a_sold_out_line_is_marked_and_can_be_removed(visitor: Visitor) -> None:
    product, other = ProductFactory(stock=3), ProductFactory(stock=3)
    put(visitor, product)
    put(visitor, other)
    Stock.objects.filter(product=product).update(on_hand=0)
    cache.delete_pattern("*")
    page = visitor.open("/cart/")
    assert "Sold out. Remove it to continue" in page.html
    assert 'href="/checkout/"' not in page.html
    assert visitor.open("/checkout/").url == "/cart/"
    page = page.send(f"/cart/line/{product.sku}/", to="0")
    assert 'href="/checkout/"' in page.html


def test_a_line_of_a_withdrawn_product_is_marked_and_can_be_removed(visitor: Visitor) -> None:
    product = ProductFactory(stock=3)
    put(visitor, product)
    product.active = False
    product.save()
    cache.delete_pattern("*")
    page = visitor.open("/cart/")
    assert "No longer available. Remove it to continue." in page.html
    assert "Your cart is empty" in page.send(f"/cart/line/{product.sku}/", to="0").html


def test_freight_is_shown_in_the_cart_before_anything_else_is_typed(visitor: Visitor) -> None:
    flat_shipping("12.50")
    page = put(visitor, ProductFactory(price=Decimal("100.00"), stock=3))
    assert "Total excluding delivery" in page.html
    page = page.send("/cart/delivery/", postal_code="01310-200")
    assert page.url == "/cart/"
    assert page.form("/cart/shipping/").fields["code"] == "flat"
    assert "R$\u00a0112.50" in page.html
    assert page.form("/cart/delivery/").fields["postal_code"] == "01310-200"


def test_an_invalid_cep_is_kept_and_explained(visitor: Visitor) -> None:
    page = put(visitor, ProductFactory(stock=3)).send("/cart/delivery/", postal_code="123")
    assert page.status == 422
    assert page.form("/cart/delivery/").fields["postal_code"] == "123"
    assert "has 8 digits" in page.html


def test_an_unknown_shipping_method_is_refused(visitor: Visitor) -> None:
    flat_shipping()
    page = put(visitor, ProductFactory(stock=3)).send("/cart/delivery/", postal_code="01310-200")
    page = page.send("/cart/shipping/", code="by-balloon")
    assert "does not deliver to your address" in page.html


def test_the_cep_lookup_returns_the_state(visitor: Visitor) -> None:
    answer = visitor.client.get("/cart/postal-code/?postal_code=20040-002")
    assert answer.json()["state"] == "RJ"
    refused = visitor.client.get("/cart/postal-code/?postal_code=20")
    assert refused.status_code == 422
    assert "8 digits" in refused.json()["error"]


def test_a_users_cart_needs_no_cookie_and_takes_in_the_guests(visitor: Visitor) -> None:
    user = UserFactory()
    put(visitor, ProductFactory(name="Guest's", stock=3))
    product = ProductFactory(name="User's", stock=3)
    filled_cart([product], user_id=user.pk)
    page = visitor.open("/account/sign-in/?next=/cart/").send("/account/sign-in/", email=user.email, password=PASSWORD)
    assert page.url == "/cart/"
    assert "Guest&#x27;s" in page.html
    assert "User&#x27;s" in page.html


def test_fifty_lines_take_no_more_statements_than_two(visitor: Visitor) -> None:
    flat_shipping()
    counts = []
    for size in (2, 50):
        visitor = Visitor()
        first = ProductFactory(stock=9)
        put(visitor, first)
        cart = Cart.objects.latest("pk")
        rest = ProductFactory.create_batch(size - 1, stock=9)
        CartLine.objects.bulk_create(CartLine(cart=cart, product=product, quantity=1) for product in rest)
        visitor.open("/cart/").send("/cart/delivery/", postal_code="01310-200")
        cache.delete_pattern("*")
        with CaptureQueriesContext(connection) as cold:
            page = visitor.open("/cart/")
        assert page.html.count('class="line"') == size
        with CaptureQueriesContext(connection) as warm:
            visitor.open("/cart/")
        counts.append((len(cold), len(warm)))
    (cold_2, warm_2), (cold_50, warm_50) = counts
    assert cold_2 == cold_50 <= 8
    assert max(warm_2, warm_50) < cold_2


def sign_in(visitor: Visitor, email: str) -> Page:
    page = visitor.open("/account/sign-in/?next=/cart/")
    return page.send("/account/sign-in/", email=email, password=PASSWORD)


class TestSigningInWithAFullCart:
    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("en", "Not in the currency of your cart: Poncho."),
            ("pt-br", "Em outra moeda que a do seu carrinho: Poncho."),
        ],
    )
    def test_what_is_sold_in_another_currency_stays_and_is_named(self, language: str, sentence: str) -> None:
        person = UserFactory()
        filled_cart([ProductFactory(stock=5)], user_id=person.pk)
        poncho = ProductFactory(stock=5, name="Poncho", currency="USD")
        visitor = Visitor(language)
        visitor.open(f"/products/{poncho.slug}/").send("/cart/add/", quantity="1")
        page = sign_in(visitor, person.email)
        assert sentence in page.html
        assert f'id="line-{poncho.pk}"' not in page.html
        page.send("/account/sign-out/")
        assert f'id="line-{poncho.pk}"' in visitor.open("/cart/").html

    def test_what_is_above_the_limit_stays_and_is_named(self, settings) -> None:
        settings.MAX_CART_LINES = 1
        person = UserFactory()
        filled_cart(1, user_id=person.pk)
        rug = ProductFactory(stock=5, name="Tapete")
        visitor = Visitor()
        visitor.open(f"/products/{rug.slug}/").send("/cart/add/", quantity="1")
        page = sign_in(visitor, person.email)
        assert "up to 1 different products, and these no longer fit: Tapete." in page.html
