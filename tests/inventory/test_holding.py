"""The statement that takes stock decides as `inventory.allocation` does, and is planned once a connection."""

import random
import secrets
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inventory.allocation import UnpaidBound, near_the_bound, pick
from inventory.models import Hold, Product, ReservationLine, Stock, Warehouse
from tests.support.factories.inventory import ProductFactory, WarehouseFactory

pytestmark = pytest.mark.django_db


def hold(reference: str, demand: dict[int, int], bound: UnpaidBound | None = None) -> Hold:
    now = timezone.now()
    return Stock.objects.hold(reference, demand, now, now + timedelta(minutes=5), bound=bound)


def random_shop(chance: random.Random) -> list[Product]:
    """Products in one to three of four warehouses, some of those closed or of the same priority."""
    codes = [f"place-{number}" for number in range(4)]
    for code in codes:
        WarehouseFactory(code=code, priority=chance.randint(1, 3), active=chance.random() < 0.75)
    products = []
    for _ in range(5):
        products.append(ProductFactory(stock=dict.fromkeys(chance.sample(codes, chance.randint(1, 3)), 0)))
    for stock in Stock.objects.all():
        stock.on_hand = chance.randint(0, 6)
        stock.reserved = chance.randint(0, stock.on_hand)
        stock.save()
    return [*products, ProductFactory.build(pk=10**9)]  # one that is in no warehouse


def test_it_takes_what_the_allocation_picks_or_nothing() -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    outcomes = set()
    for round_ in range(60):
        ReservationLine.objects.all().delete()
        Stock.objects.all().delete()
        Warehouse.objects.all().delete()
        products = random_shop(chance)
        wanted = chance.sample(products[:-1], chance.randint(1, 3))
        if chance.random() < 0.1:
            wanted.append(products[-1])
        demand = {product.pk: chance.randint(1, 5) for product in wanted}
        bound = chance.choice([None, UnpaidBound(chance.choice([0.1, 0.5, 0.7]), chance.randint(0, 6))])
        with transaction.atomic():
            stocks = Stock.objects.lock_of_products_and_references(list(demand), [])
            picks, short = pick(stocks, {row.id: row.on_hand - row.reserved for row in stocks}, demand)
            near = bool(bound and near_the_bound(stocks, demand, bound))
            before = {row.id: (row.on_hand, row.reserved) for row in stocks}
            done = hold(f"order-{round_}", demand, bound)
        assert (done.reservation is None) == bool(short or near), seed
        taken = picks if done.reservation else {}
        outcomes.add((bool(short), near))
        lines = ReservationLine.objects.filter(reservation__reference=f"order-{round_}", held=True)
        assert dict(lines.values_list("stock", "quantity")) == taken, seed
        after = {row.id: (row.on_hand, row.reserved) for row in Stock.objects.filter(id__in=before)}
        assert after == {key: (had, held + taken.get(key, 0)) for key, (had, held) in before.items()}, seed
        if not done.reservation:
            told = {row.id: (row.product_id, row.warehouse.active, row.warehouse.priority) for row in done.stocks}
            assert told == {row.id: (row.product_id, row.warehouse.active, row.warehouse.priority) for row in stocks}
    assert {(False, False), (True, False), (False, True)} <= outcomes


def test_it_returns_the_reservation_as_it_is_stored() -> None:
    product = ProductFactory(stock=1)
    made = hold("order", {product.pk: 1}).reservation
    assert made is not None
    stored = type(made).objects.get()
    assert {field.attname: getattr(made, field.attname) for field in made._meta.fields} == {
        field.attname: getattr(stored, field.attname) for field in stored._meta.fields
    }


def test_the_server_plans_it_once() -> None:
    """Not with each order, which would cost more than the statement itself."""
    products = [ProductFactory(stock=50) for _ in range(4)]
    for number in range(12):
        assert hold(f"order-{number}", {product.pk: 1 for product in products[: 1 + number % 4]}).reservation
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO"
            " inventory_reservationline%'"
        )
        ((generic, custom),) = cursor.fetchall()
    assert generic >= 3, (generic, custom)
