"""The catalogue, the product's page and the pictures."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.pages import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]


def test_the_catalogue_shows_what_is_for_sale(visitor: Visitor) -> None:
    ProductFactory(name="Rede de dormir", price=Decimal("1234.50"), stock=3)
    ProductFactory(name="Cuia gone", active=False, stock=3)
    ProductFactory(name="Vaso vazio", stock=0)
    html = visitor.open("/").html
    assert "Rede de dormir" in html
    assert "R$\u00a01,234.50" in html
    assert "Cuia gone" not in html
    assert html.count("Sold out") == 1


def test_a_card_follows_its_product(visitor: Visitor) -> None:
    """A process keeps the cards that it has shown."""
    product = ProductFactory(name="Rede <b>", price=Decimal("10.00"), stock=1)
    for _ in range(2):
        assert "Rede &lt;b&gt;" in visitor.open("/").html
    assert "R$\u00a010,00" in Visitor("pt-BR").open("/").html

    product.name, product.price = "Rede larga", Decimal("12.00")
    product.save()
    product.stocks.update(on_hand=0)
    cache.delete_pattern("*")
    page = visitor.open("/").html
    assert "Rede larga" in page
    assert "R$\u00a012.00" in page
    assert "card--out" in page
    assert "Rede &lt;b&gt;" not in page


def test_only_pictures_of_the_first_screen_are_loaded_at_once(visitor: Visitor) -> None:
    ProductFactory.create_batch(6, stock=1)
    assert visitor.open("/").html.count('loading="lazy"') == 2


def test_portuguese_is_what_a_brazilian_browser_gets() -> None:
    ProductFactory(price=Decimal("1234.50"), stock=1)
    page = Visitor("pt-BR").open("/")
    assert '<html lang="pt-BR">' in page.html
    assert "R$\u00a01.234,50" in page.html
    assert "Pode pôr na esteira" in page.html


def test_the_switch_changes_the_language_and_stays_on_the_page(visitor: Visitor) -> None:
    product = ProductFactory(stock=1)
    page = visitor.open(f"/products/{product.slug}/")
    assert ("language", "pt-br") in page.form("/language/").buttons
    page = page.send("/language/", language="pt-br")
    assert page.url == f"/products/{product.slug}/"
    assert "Pôr no carrinho" in page.html


def test_search_finds_and_repeats_the_search_text(visitor: Visitor) -> None:
    ProductFactory(name="Panela de barro", stock=1)
    ProductFactory(name="Toalha", stock=1)
    page = visitor.open("/?search=<panela>")
    assert "Panela de barro" in page.html
    assert "Toalha" not in page.html
    assert "&lt;panela&gt;" in page.html


def test_an_empty_result_says_what_to_do(visitor: Visitor) -> None:
    assert "No results" in visitor.open("/?search=xyzxyz").html


def test_categories_filter_and_keep_the_search(visitor: Visitor) -> None:
    kitchen = CategoryFactory(name="Kitchen", slug="kitchen")
    ProductFactory(name="Panela", category=kitchen, stock=1)
    ProductFactory(name="Panela de brinquedo", stock=1)
    page = visitor.open("/?search=panela&category=kitchen")
    assert "brinquedo" not in page.html
    assert 'href="/?search=panela&amp;category=kitchen" aria-current="page"' in page.html


def test_pages_follow_each_other(visitor: Visitor) -> None:
    ProductFactory.create_batch(30)
    first = visitor.open("/?search=produto")
    assert 'href="/?search=produto&amp;page=2" rel="next"' in first.html
    assert 'rel="prev"' not in first.html
    second = visitor.open("/?search=produto&page=2")
    assert second.html.count('class="card') - second.html.count('class="card__') == 6
    assert 'href="/?search=produto" rel="prev"' in second.html


@pytest.mark.parametrize("query", ["page=0", "page=abc", "page=99999999999", "category=../etc", "search=" + "x" * 500])
def test_odd_query_strings_show_the_catalogue(visitor: Visitor, query: str) -> None:
    assert visitor.open(f"/?{query}").status == 200


def test_the_catalogue_takes_as_many_statements_for_many_products_as_for_two(
    visitor: Visitor, django_assert_num_queries
) -> None:
    ProductFactory.create_batch(2, stock=1)
    with CaptureQueriesContext(connection) as few:
        visitor.open("/?search=produto")
    ProductFactory.create_batch(22, stock=1)
    cache.delete_pattern("*")
    with CaptureQueriesContext(connection) as many:
        visitor.open("/?search=produto&page=1")
    assert len(many) <= len(few)
    with django_assert_num_queries(0):
        visitor.open("/?search=produto&page=1")


def test_a_product_can_be_put_into_the_cart(visitor: Visitor) -> None:
    product = ProductFactory(name="Cesto", stock=3)
    page = visitor.open(f"/products/{product.slug}/")
    assert "Only 3 left" in page.html
    fields = page.form("/cart/add/").fields
    assert (fields["sku"], fields["quantity"]) == (product.sku, "1")


def test_a_sold_out_product_says_so_and_offers_no_button(visitor: Visitor) -> None:
    product = ProductFactory(stock=0)
    page = visitor.open(f"/products/{product.slug}/")
    assert "Sold out" in page.html
    assert not [form for form in page.forms if form.action == "/cart/add/"]


def test_a_product_that_is_gone_is_not_found(visitor: Visitor) -> None:
    product = ProductFactory(active=False)
    assert visitor.open(f"/products/{product.slug}/").status == 404
    assert visitor.open("/products/never-was/").status == 404


def test_a_description_is_escaped(visitor: Visitor) -> None:
    product = ProductFactory(description="<script>alert(1)</script>", stock=1)
    assert "<script>alert" not in visitor.open(f"/products/{product.slug}/").html


def test_pictures_are_cached_for_ever_and_cost_no_query(visitor: Visitor, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        response = visitor.client.get("/pictures/cozinha/CANECA-001.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert "immutable" in response["Cache-Control"]
    assert response.content.startswith(b"<svg")
