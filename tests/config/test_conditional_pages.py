"""A page that the browser has is answered by 304, and never one that would look different now."""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from config.pages import conditional
from inventory.models import Category, Product
from tests.support.factories.accounts import UserFactory
from tests.support.factories.inventory import CategoryFactory, ProductFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("static_files_from_apps")]
PAGES = ["/", "/?category=shelf&page=1", "/?search=rede", "/products/rede/"]


@pytest.fixture(autouse=True)
def product(settings) -> Product:
    settings.RELEASE = "1"
    shelf = CategoryFactory(slug="shelf")
    return ProductFactory(sku="REDE", slug="rede", name="Rede", price=Decimal("10.00"), stock=9, category=shelf)


@pytest.fixture
def client() -> Client:
    """A browser that has been here before: it has a CSRF secret and no more."""
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    client.get("/")
    return client


def tag_of(client: Client, path: str) -> str:
    return client.get(path).headers.get("ETag", "")


def again(client: Client, path: str, tag: str) -> HttpResponse:
    return client.get(path, headers={"if-none-match": tag})


@pytest.mark.parametrize("path", PAGES)
def test_what_is_known_is_not_rendered_again(client: Client, path: str, monkeypatch) -> None:
    page = client.get(path)
    monkeypatch.setattr(conditional, "render", lambda *_: pytest.fail("rendered"))
    answer = again(client, path, page.headers["ETag"])
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Content-Security-Policy"):
        assert answer.headers[name] == page.headers[name]
    assert {"Cookie", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_the_form_of_a_kept_page_can_be_sent(client: Client) -> None:
    page = client.get("/products/rede/")
    assert again(client, "/products/rede/", page.headers["ETag"]).status_code == 304
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found
    fields = {"csrfmiddlewaretoken": found[1], "sku": "REDE", "quantity": "1"}
    assert client.post("/cart/add/", fields).headers["Location"] == "/cart/"


def cheaper(product: Product) -> None:
    product.price = Decimal("9.00")
    product.save()


def scarcer(product: Product) -> None:
    product.stocks.update(on_hand=0)


@pytest.mark.parametrize("change", [cheaper, scarcer])
@pytest.mark.parametrize("path", PAGES)
def test_what_has_changed_is_shown(client: Client, product: Product, path: str, change: Callable[..., None]) -> None:
    tag = tag_of(client, path)
    change(product)
    cache.delete_pattern("*")
    assert again(client, path, tag).status_code == 200


def test_a_renamed_category_is_shown(client: Client) -> None:
    tag = tag_of(client, "/")
    Category.objects.filter(slug="shelf").update(name="Another")
    cache.delete_pattern("*")
    assert "Another" in again(client, "/", tag).text


@pytest.mark.parametrize("setting", ["RELEASE", "SELLER_EMAIL"])
def test_another_release_or_seller_is_shown(client: Client, settings, setting: str) -> None:
    tag = tag_of(client, "/")
    setattr(settings, setting, "other@esteira.example")
    assert again(client, "/", tag).status_code == 200


def test_each_address_language_and_secret_has_a_tag_of_its_own(client: Client) -> None:
    other = Client(headers={"accept-language": "en"})
    other.get("/")
    tags = [tag_of(client, path) for path in [*PAGES, "/?page=1"]] + [tag_of(other, "/")]
    client.cookies["django_language"] = "pt-br"
    tags.append(tag_of(client, "/"))
    assert all(tags)
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("cookie", ["sessionid", "cart", "messages", "device"])
def test_a_browser_of_which_more_is_known_gets_the_page_as_ever(client: Client, cookie: str) -> None:
    tag = tag_of(client, "/")
    client.cookies[cookie] = "x"
    answer = again(client, "/", tag)
    assert (answer.status_code, answer.headers.get("ETag")) == (200, None)


def test_who_has_signed_in_or_filled_a_cart_sees_it_at_once(client: Client) -> None:
    tag = tag_of(client, "/")
    token = client.cookies["csrftoken"].value
    client.post("/cart/add/", {"csrfmiddlewaretoken": token, "sku": "REDE", "quantity": "2"})
    assert "Cart, 2 items" in again(client, "/", tag).text
    client.force_login(UserFactory())
    assert "My orders" in again(client, "/", tag).text


@pytest.mark.parametrize("value", ["", "short", "é" * 32])
def test_without_a_secret_or_a_release_there_is_no_tag(client: Client, settings, value: str) -> None:
    client.cookies["csrftoken"] = value
    assert not tag_of(client, "/")
    settings.RELEASE = ""
    assert not tag_of(client, "/")
