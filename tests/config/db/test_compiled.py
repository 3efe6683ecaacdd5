"""Compiled querysets return what the plain ones do, and refuse what they cannot serve."""

import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.signals import post_init
from django.db.transaction import TransactionManagementError, atomic
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cart.models import Cart, CartLine
from checkout.exceptions import PaymentDeclined
from checkout.models import Order
from config.db import compiled as compiling
from config.db.compiled import CannotCompile, compiled
from config.telemetry.request_cost import measuring
from inventory.models import Product, Stock
from payments.models import PaymentAttempt
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.orders import AUTHENTICATE, DECLINED, VISA, order_of
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test compiles does not stay among those of the shop."""
    monkeypatch.setattr(compiling, "REGISTRY", dict(compiling.REGISTRY))


def columns(row: Any, *, of_joined: bool = True) -> Any:
    """All that a row holds: its columns, its annotations, and the same of the rows that it joins."""
    if not isinstance(row, models.Model):
        return row
    held = {name: value for name, value in vars(row).items() if name != "_state"}
    joined = {name: columns(other, of_joined=False) for name, other in row._state.fields_cache.items() if of_joined}
    return type(row), held, joined, row._state.adding, row._state.db


# --- Those of the shop ------------------------------------------------------------------------------------------------


def some_of(values: list[Any]) -> list[Any]:
    """All that there is, and something that there is not."""
    return [*values, *({int: [10**9], str: ["nothing"], uuid.UUID: [uuid.uuid4()]}[type(values[0])])]


def tokens() -> list[tuple[Any, ...]]:
    return [(token,) for token in some_of(list(Cart.objects.values_list("token", flat=True)))]


def keys_of(model: type[models.Model], field: str = "pk") -> Callable[[], list[tuple[Any, ...]]]:
    return lambda: [(key,) for key in some_of(list(model._default_manager.values_list(field, flat=True)))]


def lists_of(model: type[models.Model], field: str = "pk") -> Callable[[], list[tuple[Any, ...]]]:
    """None, one, and all of its values and another."""
    return lambda: [
        (chosen,)
        for every in [some_of(list(model._default_manager.order_by("pk").values_list(field, flat=True)))]
        for chosen in ([], every[:1], every)
    ]


ARGUMENTS: dict[str, Callable[[], list[tuple[Any, ...]]]] = {
    "cart.models.carts_by_token": tokens,
    "cart.models.locked_carts_by_token": tokens,
    "cart.models.lines_of_cart": keys_of(Cart),
    "cart.models.lines_of_cart_with_products": keys_of(Cart),
    "checkout.cards.locked_carts_with_declines": lambda: [
        (*token, timezone.now() + timedelta(hours=hours)) for token in tokens() for hours in (-24, 1)
    ],
    "checkout.models.orders.orders_by_number": keys_of(Order, "number"),
    "checkout.models.orders.locked_orders_by_attempt": keys_of(PaymentAttempt),
    "checkout.models.orders.attempts_of_payment": keys_of(Order, "payment"),
    "checkout.models.orders.lines_of_order": keys_of(Order),
    "checkout.models.orders.lines_of_orders": lists_of(Order),
    "checkout.models.orders.orders_with_quote": lists_of(Order),
    "payments.models.payments.approved_attempts": lists_of(PaymentAttempt, "provider_reference"),
    "payments.models.payments.locked_attempts_with_payment": keys_of(PaymentAttempt),
    "inventory.models.stock.locked_stock_of_products_and_references": lambda: [
        ([], []),
        (some_of(list(Product.objects.values_list("pk", flat=True))), []),
        (list(Product.objects.values_list("pk", flat=True)[:2]), ["nothing", *Order.objects.values_list("number")[0]]),
    ],
}


def fill_at_random(chance: random.Random) -> None:
    """Carts and orders of guests and users: with and without quote, address and category, of none to many lines; paid,
    declined, waiting."""
    categories = [None, CategoryFactory()]
    goods = [
        ProductFactory(stock=200, price=Decimal(chance.randint(1, 9999)) / 100, category=chance.choice(categories))
        for _ in range(6)
    ]
    for person in chance.sample([None] * 5 + UserFactory.create_batch(3), 8):
        some = chance.sample(goods, chance.randint(1, 6))
        cart = ready_cart(some, quantity=chance.randint(1, 3), user_id=person and person.pk)
        if chance.random() < 0.8:
            with suppress(PaymentDeclined):
                order_of(cart, chance.choice([VISA, VISA, DECLINED, AUTHENTICATE, "pix"]))
    order_of(ready_cart(goods))
    filled_cart(chance.sample(goods, 2))
    filled_cart(0)


@pytest.mark.django_db(transaction=True)
def test_each_returns_the_rows_of_its_plain_queryset(sandbox: Sandbox) -> None:
    seed = secrets.randbits(32)
    fill_at_random(random.Random(seed))
    ours = {name: query for name, query in compiling.REGISTRY.items() if not name.startswith("tests.")}
    assert ARGUMENTS.keys() == ours.keys()
    for name, query in ours.items():
        found = 0
        with atomic():
            for arguments in ARGUMENTS[name]():
                plain = [columns(row) for row in query.plain(*arguments)]
                assert [columns(row) for row in query(*arguments)] == plain, (name, seed)
                found += len(plain)
        assert found, (name, seed)


# --- What it serves ---------------------------------------------------------------------------------------------------


@compiled
def products_by_sku(sku: str) -> models.QuerySet[Product]:
    return Product.objects.select_related("category").filter(sku=sku)


def test_is_one_statement_that_everybody_counts() -> None:
    product = ProductFactory(category=CategoryFactory())
    with CaptureQueriesContext(connection) as captured, measuring(timed=False) as cost:
        (found,) = products_by_sku(product.sku)
        assert found.category.name == product.category.name
    assert len(captured) == cost.statements == 1


def test_has_one_text_and_one_plan_whatever_the_numbers() -> None:
    @compiled
    def by_stock(units: int, ids: list[int]) -> models.QuerySet[Stock]:
        return Stock.objects.filter(on_hand=units, id__any=ids)

    for number in (1, 300, 70_000, 2**30):
        by_stock(number, [number] * (1 + number % 7))
    with connection.cursor() as cursor:
        cursor.execute("SELECT parameter_types::text FROM pg_prepared_statements WHERE statement LIKE '%on_hand%'")
        assert cursor.fetchall() == [("{bigint[],bigint}",)]


def test_returns_values_where_the_queryset_does() -> None:
    product = ProductFactory(price=Decimal("7.50"))

    @compiled
    def prices(sku: str) -> models.QuerySet[Product, Any]:
        return Product.objects.filter(sku=sku).values_list("price", "currency")

    @compiled
    def names(sku: str) -> models.QuerySet[Product, Any]:
        return Product.objects.filter(sku=sku).values_list("name", flat=True)

    assert prices(product.sku) == [(Decimal("7.50"), "BRL")]
    assert names(product.sku) == [product.name]
    assert names.first("nothing") is None


def test_an_instance_can_be_saved_and_asked_for_more() -> None:
    product = products_by_sku(ProductFactory(stock=3).sku)[0]
    product.name = "Azulejo"
    product.save()
    product.refresh_from_db()
    assert (product.name, product.stocks.count()) == ("Azulejo", 1)


def test_rows_are_kept_as_a_prefetch() -> None:
    cart = filled_cart(2)
    row = Cart.objects.fetch(cart.id, None)
    compiling.keep_related(row, "lines", CartLine.objects.of(row))
    with CaptureQueriesContext(connection) as captured:
        assert [line.cart for line in row.lines.all()] == [row, row]
        assert row.lines.count() == 2
    assert len(captured) == 0


# --- What it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, [None], Product(sku="x")])
def test_refuses_what_needs_another_text(value: Any) -> None:
    with pytest.raises(CannotCompile, match="products_by_sku cannot take"):
        products_by_sku(value)


def test_refuses_to_lock_outside_a_transaction(transactional_db: None) -> None:
    @compiled
    def locked(sku: str) -> models.QuerySet[Product]:
        return Product.objects.filter(sku=sku).select_for_update()

    with atomic():
        locked("x")
    with pytest.raises(TransactionManagementError, match="locked locks rows"):
        locked("x")


def refused() -> Iterator[Callable[[str], Any]]:
    yield lambda sku: Product.objects.filter(sku=sku).prefetch_related("stocks")
    yield lambda sku: Product.objects.filter(sku=sku).values("name")
    yield lambda sku: Product.objects.filter(sku=f"{sku}")
    yield lambda sku: Product.objects.all()


@pytest.mark.parametrize("build", refused(), ids=["prefetch", "dicts", "formatted", "unused"])
def test_refuses_what_it_cannot_serve_at_its_first_use(build: Callable[[str], Any]) -> None:
    with pytest.raises(CannotCompile):
        compiled(build)("x")


def test_refuses_a_model_that_somebody_listens_to() -> None:
    def listen(**_: Any) -> None: ...

    post_init.connect(listen, sender=Product)
    try:
        with pytest.raises(CannotCompile, match="Product does more than take its columns"):
            compiled(lambda sku: Product.objects.filter(sku=sku))("x")
    finally:
        post_init.disconnect(listen, sender=Product)
