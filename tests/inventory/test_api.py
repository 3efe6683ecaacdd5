"""GET products/ and products/{sku}/."""

from decimal import Decimal
from urllib.parse import quote

import pytest
from django.core.cache import cache

from inventory.catalogue import PAGE_SIZE
from tests.support.api import App, assert_problem
from tests.support.factories.inventory import ProductFactory

pytestmark = pytest.mark.django_db


def test_a_product_as_in_the_contract(app: App) -> None:
    product = ProductFactory(sku="REDE-AZUL", slug="rede-azul", name="Rede de dormir", price=Decimal("89.9"), stock=3)
    answer = app.get("products/REDE-AZUL/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document.pop("image").startswith("http://testserver/")
    assert document == {
        "sku": "REDE-AZUL",
        "slug": "rede-azul",
        "name": "Rede de dormir",
        "description": product.description,
        "price": "89.90",
        "currency": "BRL",
        "available": True,
    }


def test_a_document_follows_its_product(app: App) -> None:
    """A process keeps the documents that it has shown."""
    product = ProductFactory(sku="REDE", name="Rede", price=Decimal("10.00"), stock=1)
    shown = [app.get("products/REDE/").json(), app.get("products/").json()["results"][0]]
    assert [(document["name"], document["price"], document["available"]) for document in shown] == [
        ("Rede", "10.00", True)
    ] * 2

    product.name, product.price = "Rede larga", Decimal("12.00")
    product.save()
    product.stocks.update(on_hand=0)
    cache.delete_pattern("*")
    changed = [app.get("products/REDE/").json(), app.get("products/").json()["results"][0]]
    assert changed == [{**shown[0], "name": "Rede larga", "price": "12.00", "available": False}] * 2


def test_pictures_have_the_address_that_was_asked(app: App, settings) -> None:
    settings.ALLOWED_HOSTS = ["shop.example", "other.example"]
    ProductFactory(sku="REDE", stock=1)
    for host in ("shop.example", "other.example", "shop.example"):
        image = app.get("products/REDE/", host=host).json()["image"]
        assert image.startswith(f"http://{host}/")


def test_a_sold_out_product_is_not_available(app: App) -> None:
    ProductFactory(sku="NONE-LEFT", stock=0)
    assert app.get("products/NONE-LEFT/").json()["available"] is False


@pytest.mark.parametrize("sku", ["NO-SUCH", "x" * 300, "a/b", "..", "%F0%9F%9B%92", "%ff"])
def test_an_unknown_product_is_not_found(app: App, sku: str) -> None:
    assert_problem(app.get(f"products/{sku}/"), 404, "not_found")


def test_a_withdrawn_product_is_not_found(app: App) -> None:
    ProductFactory(sku="GONE", active=False, stock=3)
    assert_problem(app.get("products/GONE/"), 404, "not_found")


@pytest.mark.parametrize("sku", ["A/B", "50 % off", "ação"])
def test_a_sku_may_contain_any_character(app: App, sku: str) -> None:
    ProductFactory(sku=sku, stock=1)
    assert app.get(f"products/{quote(sku)}/").json()["sku"] == sku


def test_the_list_is_paginated(app: App) -> None:
    for _ in range(PAGE_SIZE + 1):
        ProductFactory(stock=1)
    first = app.get("products/").json()
    assert first["count"] == PAGE_SIZE + 1
    assert len(first["results"]) == PAGE_SIZE
    assert first["previous"] is None
    assert first["next"] == "http://testserver/api/v1/products/?page=2"
    second = app.get("products/", {"page": 2}).json()
    assert len(second["results"]) == 1
    assert second["next"] is None
    assert second["previous"] == "http://testserver/api/v1/products/"
    assert {product["sku"] for product in first["results"]}.isdisjoint(product["sku"] for product in second["results"])


def test_the_links_keep_the_search(app: App) -> None:
    for _ in range(PAGE_SIZE + 1):
        ProductFactory(name="Caneca", stock=1)
    assert app.get("products/", {"search": "caneca"}).json()["next"].endswith("?page=2&search=caneca")


def test_the_search_finds_without_accents(app: App) -> None:
    ProductFactory(name="Açucareiro", sku="ACU", stock=1)
    ProductFactory(name="Bule", stock=1)
    found = app.get("products/", {"search": "acucareiro"}).json()
    assert [product["sku"] for product in found["results"]] == ["ACU"]
    assert found["count"] == 1


def test_an_empty_list_is_a_list(app: App) -> None:
    assert app.get("products/", {"search": "nothing of the kind"}).json() == {
        "count": 0, "next": None, "previous": None, "results": [],
    }  # fmt: skip


@pytest.mark.parametrize("number", ["2", "0", "-1", "one", "1.5", "9" * 30])
def test_a_missing_page_is_not_found(app: App, number: str) -> None:
    ProductFactory(stock=1)
    assert_problem(app.get("products/", {"page": number}), 404, "not_found")


def test_the_page_defaults_to_the_first(app: App) -> None:
    ProductFactory(stock=1)
    assert app.get("products/", {"page": ""}).json() == app.get("products/").json()


def test_a_search_has_a_maximum_length(app: App) -> None:
    assert_problem(app.get("products/", {"search": "x" * 201}), 422, "invalid", "search")
    assert_problem(app.get("products/", {"search": "a\0b"}), 400, "invalid")
