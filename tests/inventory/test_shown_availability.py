"""What the shop shows after an order has taken stock: its number, with no SQL, and never one that a later change has
overtaken, whichever of them reaches Redis first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_redis import get_redis_connection
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from cart import services as carts
from config import cache as module
from config.redis import entries, writes
from inventory import catalogue, reservations, services
from inventory.models import Product, Stock
from tests.support.api import App
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory, WarehouseFactory

pytestmark = pytest.mark.django_db(transaction=True)

Change = Callable[[], Any]


def soon() -> Any:
    return timezone.now() + timedelta(minutes=35)


def hold(reference: str, *products: Product, quantity: int = 1) -> None:
    with transaction.atomic():
        reservations.reserve(reference, {product.id: quantity for product in products}, expires_at=soon())


def release(reference: str) -> None:
    with transaction.atomic():
        reservations.release(reference)


def shown(product: Product) -> tuple[int, int]:
    """What is shown, and the number of statements for it."""
    with CaptureQueriesContext(connection) as statements:
        free = catalogue.availability([product.id])[product.id]
    return free, len(statements)


def true_number(product: Product) -> int:
    return catalogue.available_now([product.id])[product.id]


def sold_before(stock: int = 9) -> Product:
    """A product that is in the cache, and whose changes have been written for a while."""
    product = ProductFactory(stock=stock)
    shown(product)
    quiet, entries.QUIET_SECONDS = entries.QUIET_SECONDS, 0.0
    hold(f"before-{product.id}", product)
    entries.QUIET_SECONDS = quiet
    shown(product)
    return product


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not taken for a late order, nor for one long after a drop."""
    monkeypatch.setattr(entries, "PROMPT_SECONDS", 60.0)
    monkeypatch.setattr(entries, "QUIET_SECONDS", 120.0)


@contextmanager
def held_back() -> Iterator[list[Change]]:
    """What is to reach Redis after the commits inside, and does not yet."""
    waiting: list[Change] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "on_commit", lambda call, **_how: waiting.append(call))
        yield waiting


def test_an_order_shows_its_number_without_a_statement() -> None:
    product = sold_before()
    hold("a", product, quantity=3)
    assert shown(product) == (5, 0)
    hold("b", product)
    assert shown(product) == (4, 0)
    assert true_number(product) == 4


@pytest.mark.usefixtures("sandbox")
def test_the_first_view_of_product_and_cart_after_an_order_needs_no_sql() -> None:
    app, mug = App(), sold_before()
    other = carts.create_cart().id
    app.post(f"carts/{other}/lines/", {"sku": mug.sku, "quantity": 2})
    before = true_number(mug)
    assert app.check_out(ready_cart([mug])).status_code == 201
    with CaptureQueriesContext(connection) as statements:
        product, cart = app.get(f"products/{mug.sku}/").json(), app.get(f"carts/{other}/").json()
    assert list(statements) == []
    assert (product["available"], cart["lines"][0]["available"]) == (True, True)
    assert catalogue.availability([mug.id]) == {mug.id: true_number(mug)} != {mug.id: before}


def test_an_order_of_the_last_unit_shows_that_there_is_none() -> None:
    product = sold_before(stock=2)
    hold("a", product)
    assert shown(product) == (0, 0)


def test_an_order_that_rolls_back_shows_nothing() -> None:
    product = sold_before()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        reservations.reserve("a", {product.id: 3}, expires_at=soon())
        raise ZeroDivisionError
    assert shown(product) == (8, 0)


def test_all_open_warehouses_count() -> None:
    product = sold_before(stock=3)
    far, closed = WarehouseFactory(code="far", priority=1), WarehouseFactory(code="closed", active=False)
    for warehouse, units in ((far, 4), (closed, 7)):
        Stock.objects.bulk_create([Stock(product=product, warehouse=warehouse, on_hand=units)])
    hold("a", product, quantity=5)
    assert shown(product) == (1, 0)
    assert true_number(product) == 1


@pytest.mark.parametrize("lines", [1, 50])
def test_one_trip_whatever_the_lines(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    products = [sold_before() for _ in range(lines)]
    sent: list[object] = []
    send = AbstractConnection.send_packed_command

    def counting(redis: AbstractConnection, *given: Any, **more: Any) -> None:
        sent.append(given)
        send(redis, *given, **more)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counting)
    hold("a", *products)
    assert len(sent) == 1
    monkeypatch.undo()
    assert {shown(product) for product in products} == {(7, 0)}


@pytest.mark.parametrize("order", permutations(range(3)), ids=str)
@pytest.mark.parametrize("looked_at", [False, True], ids=["unseen", "seen"])
def test_orders_that_reach_redis_in_any_order(order: tuple[int, ...], looked_at: bool) -> None:
    product = sold_before()
    with held_back() as late:
        for reference in "abc":
            hold(reference, product)
    assert len(late) == 3
    for place in order:
        late[place]()
        if looked_at:
            shown(product)
    assert shown(product)[0] == true_number(product) == 5


@pytest.mark.parametrize("order", permutations(range(4)), ids=str)
def test_nor_may_an_order_overtake_what_came_after_it(order: tuple[int, ...]) -> None:
    """A release, a new count or a reclaimed hold only drops the number: what arrives after it may be older."""
    product = sold_before()
    changes: list[Change] = [
        lambda: hold("a", product, quantity=2),
        lambda: hold("b", product),
        lambda: release("a"),
        lambda: services.set_stock(product.sku, 20),
    ]
    late = []
    for change in changes:
        with held_back() as waiting:
            change()
        assert waiting
        late.append(waiting)
    for place in order:
        for arrive in late[place]:
            arrive()
        shown(product)
    assert shown(product)[0] == true_number(product) == 18


def test_a_reader_that_read_before_the_order_stores_nothing() -> None:
    product = sold_before()
    cache.delete(f"availability:{product.id}")

    def read_then_sell(ids: list[str]) -> dict[str, int]:
        read = {str(id_): units for id_, units in catalogue.available_now([int(key) for key in ids]).items()}
        hold("meanwhile", product)
        return read

    cached = module.cached_many("availability", [str(product.id)], 60, read_then_sell)
    assert cached == {str(product.id): 8}
    assert shown(product) == (7, 1)


def test_a_number_is_not_kept_for_longer_by_orders() -> None:
    product = sold_before()

    def entry() -> Any:
        form = module._format("availability")
        return form.read(
            get_redis_connection("default").hget(cache.make_key(f"availability:{product.id}"), form.edition)
        )

    before = entry()
    hold("a", product)
    assert entry()[2] == 7
    assert entry()[:2] == before[:2]


def test_an_expired_hold_counts_as_free_also_after_an_order() -> None:
    product = sold_before()
    with transaction.atomic():
        reservations.reserve("gone", {product.id: 4}, expires_at=timezone.now() - timedelta(seconds=1))
    hold("a", product)
    assert shown(product) == (7, 1)
    assert true_number(product) == 7


def test_whoever_is_too_late_only_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    product = sold_before()
    monkeypatch.setattr(entries, "PROMPT_SECONDS", -1.0)
    hold("a", product)
    assert shown(product) == (7, 1)


def test_nothing_is_written_right_after_a_drop() -> None:
    product = sold_before()
    release(f"before-{product.id}")
    for reference in "ab":
        shown(product)
        hold(reference, product)
        assert shown(product)[1] == 1


@pytest.mark.parametrize("other", ["value of another shape", "plain string"])
def test_what_another_release_keeps_is_dropped(other: str) -> None:
    product, redis = sold_before(), get_redis_connection("default")
    key = cache.make_key(f"availability:{product.id}")
    if other == "plain string":
        redis.set(key, b"a pickle")
    else:
        redis.hset(key, "another", b"[0,0,[9,9]]")
    hold("a", product)
    assert redis.hkeys(key) == [entries.MARK]
    assert shown(product) == (7, 1)


def test_a_mark_alone_is_no_value_of_another_release() -> None:
    product = ProductFactory(stock=5)
    hold("a", product)
    key = str(product.id)
    assert get_redis_connection("default").hkeys(cache.make_key(f"availability:{key}")) == [entries.MARK]
    found = entries.read({"availability": (module._format("availability"), [key, "0"])})["availability"]
    alone = entries.read({"availability": (module._format("availability"), [key])})["availability"]
    assert found.foreign == alone.foreign == set()


def test_without_redis_an_order_stands(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    product = sold_before()

    def fail() -> None:
        raise RedisConnectionError("down")

    monkeypatch.setattr(writes, "client", fail)
    hold("a", product)
    assert true_number(product) == 7
    assert "1 writes are lost" in caplog.text
