"""The cache page: what is in Redis, without personal data; and dropping all keys of a name."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings as project_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_redis import get_redis_connection

from cart import snapshot
from config.audit.models import Entry
from config.backoffice import cache_inspection, operations
from config.cache import cached, declare
from config.db.locks import redis_lock
from config.resilience.breakers import breaker
from inventory import catalogue
from inventory.models import Product
from tests.support.backoffice import opened, told
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

PAGE, KEY = "/admin/cache/", "/admin/cache/key/"


@pytest.fixture
def no_redis(settings) -> None:
    settings.CACHES = {"default": {**project_settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}


@pytest.fixture
def full(desk: Client) -> Iterator[str]:
    """Redis with a product, a cart with an address, a session, a lock and a tripped breaker; the cart's token."""
    product = ProductFactory(stock=3, name="Rede de algodão")
    catalogue.products_by_id([product.pk])
    cart = ready_cart([product])
    snapshot.load(cart.id, None)
    with redis_lock(f"checkout:{cart.id}", 60), opened("stripe"):
        yield cart.id


def rows(desk: Client) -> dict[str, dict]:
    return {row["group"].title: row for row in desk.get(PAGE).context["rows"]}


def handle(desk: Client, name: str, beginning: str = "") -> str:
    """The handle of a sampled key; Redis lists keys in no particular order."""
    return next(key.handle for key in rows(desk)[name]["group"].samples if key.shown.startswith(beginning))


def test_each_name_with_its_keys(desk: Client, full: str) -> None:
    catalogue.products_by_id([1])
    product, cart = rows(desk)["product"], rows(desk)["cart"]
    assert product["group"].count >= 1
    assert product["group"].size > 0
    assert 0 < product["group"].shortest <= product["group"].longest <= 3_600_000
    assert cart["group"].count == 1
    assert product["hit"] + product["miss"] > 0
    others = {group.title: group.count for group in desk.get(PAGE).context["others"]}
    assert others["sessions"] >= 1
    assert others["locks"] == 1
    assert others["breakers"] >= 1


def test_public_values_are_shown(desk: Client, full: str) -> None:
    number = Product.objects.get().pk
    page = desk.get(KEY, {"key": handle(desk, "product", f"product:{number}")}).content.decode()
    assert "Rede de algodão" in page


def test_a_cart_shows_its_shape_but_no_token_or_address(desk: Client, full: str) -> None:
    pages = [
        desk.get(PAGE).content.decode(),
        desk.get(KEY, {"key": handle(desk, "cart")}).content.decode(),
        desk.post(KEY, {"key": f"cart:{full}"}).content.decode(),
    ]
    for page in pages:
        assert full not in page
        for private in ("ana@example.com", "Ana Souza", "01310", "98765"):
            assert private not in page
    assert "email: str(15)" in pages[1]
    assert pages[1].count("Personal data") == pages[2].count("Personal data") == 1


def test_a_session_shows_nothing(desk: Client) -> None:
    session = desk.cookies["sessionid"].value
    key = f"django.contrib.sessions.cached_db{session}"
    page = desk.post(KEY, {"key": key}).content.decode()
    assert "Its contents are not shown." in page
    assert session not in page
    assert "_auth_user" not in page
    assert session not in desk.get(PAGE).content.decode()


def test_an_unknown_key(desk: Client) -> None:
    for answer in (desk.post(KEY, {"key": "product:0"}, follow=True), desk.get(KEY, {"key": "x"}, follow=True)):
        assert "no such key" in told(answer)[0]


def test_only_the_given_name_is_dropped(desk: Client, full: str) -> None:
    before = rows(desk)
    url = reverse("admin:cache_drop", args=["product"])
    assert "Drop product" in desk.get(url).content.decode()
    assert rows(desk)["product"]["group"].count == before["product"]["group"].count, (
        "the confirmation page drops nothing"
    )
    (message,) = told(desk.post(url, follow=True))
    assert re.fullmatch(r"Dropped \d+ keys? of product\.", message)
    after = rows(desk)
    assert after["product"]["group"].count == 0
    assert after["cart"]["group"].count == 1
    assert breaker("stripe").state == "open"
    with redis_lock(f"checkout:{full}", 1) as owned:
        assert not owned, "the lock is still held"
    assert desk.get(PAGE).status_code == 200, "and the session survives"
    entry = Entry.objects.get(verb="cache.drop")
    assert (entry.actor, entry.object_name) == ("chefe@example.com", "cache product")


def test_both_kinds_of_cart_keys_are_dropped(desk: Client, full: str) -> None:
    get_redis_connection("default").set(cache.make_key("user:7:cart"), "{}")
    assert rows(desk)["cart"]["group"].count == 2
    desk.post(reverse("admin:cache_drop", args=["cart"]))
    assert rows(desk)["cart"]["group"].count == 0


def test_a_load_in_progress_during_the_drop_is_not_cached(desk: Client) -> None:
    declare("slow_test", of=str)

    def load() -> str:
        desk.post(reverse("admin:cache_drop", args=["slow_test"]))
        return "read before the drop"

    cached("slow_test", "x", 60, load)
    assert cached("slow_test", "x", 60, lambda: "read after it") == "read after it"


@pytest.mark.parametrize("name", ["lease", "breaker", "sessions", "nobody"])
def test_unknown_names_cannot_be_dropped(name: str, desk: Client) -> None:
    assert desk.post(reverse("admin:cache_drop", args=[name])).status_code == 404


def test_a_drop_that_times_out_says_so(desk: Client, full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "DROP_SECONDS", -1)
    messages = told(desk.post(reverse("admin:cache_drop", args=["product"]), follow=True))
    assert "drop product again" in messages[-1]


def test_the_number_of_scanned_keys_is_bounded(desk: Client) -> None:
    redis = get_redis_connection("default")
    redis.mset({cache.make_key(f"product:{number}"): "1" for number in range(cache_inspection.MAX_KEYS + 300)})
    found = desk.get(PAGE).context["survey"]
    assert found.scanned == cache_inspection.MAX_KEYS
    assert not found.is_complete


def test_without_redis_it_says_so(desk: Client, no_redis: None) -> None:
    page = desk.get(PAGE)
    assert page.status_code == 200
    assert "Redis is unavailable" in page.content.decode()
    assert page.context["rows"]
    url = reverse("admin:cache_drop", args=["product"])
    assert "nothing to drop" in told(desk.post(url, follow=True))[0]
    assert told(desk.post(KEY, {"key": "product:1"}, follow=True)) == ["Redis is unavailable."]
    assert not Entry.objects.filter(verb="cache.drop").exists()


def test_viewing_and_dropping_are_separate_permissions(full: str) -> None:
    url = reverse("admin:cache_drop", args=["product"])
    reader = staff_with("config.view_machinery")
    assert url not in reader.get(PAGE).content.decode()
    assert reader.post(url).status_code == 403
    unauthorized = staff_with("checkout.view_order")
    assert unauthorized.get(PAGE).status_code == 403
    assert unauthorized.post(KEY, {"key": "product:1"}).status_code == 403
    assert not Entry.objects.filter(verb="cache.drop").exists()
