"""Reserve, release, commit and restock."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from config.db.locks import LockOutsideTransaction
from inventory import reservations
from inventory.exceptions import InsufficientStock, ReservationClosed, ReservationExpired, RestockRefused
from inventory.models import Product, Reservation, ReservationLine, Stock
from tests.support.factories.inventory import ProductFactory, WarehouseFactory

pytestmark = pytest.mark.django_db


def soon():
    return timezone.now() + timedelta(minutes=35)


def past():
    return timezone.now() - timedelta(seconds=1)


def hold(reference, demand, *, expires_at=None, replacing=None):
    with transaction.atomic():
        return reservations.reserve(reference, demand, expires_at=expires_at or soon(), replacing=replacing)


def numbers(product):
    return list(
        Stock.objects.filter(product=product).order_by("warehouse__priority").values_list("on_hand", "reserved")
    )


def available(product):
    return Product.objects.with_available().get(id=product.id).available_quantity


def test_a_hold_counts_as_reserved_and_not_as_available():
    product = ProductFactory(stock=5)
    reservation = hold("a", {product.id: 2})
    assert (reservation.reference, reservation.status) == ("a", "held")
    assert numbers(product) == [(5, 2)]
    assert available(product) == 3


def test_all_or_nothing_and_every_shortage_is_named():
    plenty, little, none = ProductFactory(stock=9), ProductFactory(stock=1), ProductFactory()
    with pytest.raises(InsufficientStock) as refusal:
        hold("a", {plenty.id: 1, little.id: 2, none.id: 3})
    assert refusal.value.details["shortages"] == [
        {"sku": little.sku, "requested": 2, "available": 1},
        {"sku": none.sku, "requested": 3, "available": 0},
    ]
    assert (refusal.value.code, refusal.value.status) == ("insufficient_stock", 409)
    assert numbers(plenty) == [(9, 0)]
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("demand", [{}, {1: 0}, {1: -2}])
def test_an_empty_demand_is_an_error(demand):
    with pytest.raises(ValueError, match="at least one"):
        hold("a", demand)


def test_stock_is_taken_from_the_first_warehouse_first_and_the_rest_from_the_next():
    WarehouseFactory(code="segundo", priority=2)
    WarehouseFactory(code="primeiro", priority=1)
    product = ProductFactory(stock={"segundo": 5, "primeiro": 2})
    hold("a", {product.id: 3})
    assert numbers(product) == [(2, 2), (5, 1)]


def test_an_inactive_warehouse_sells_nothing():
    WarehouseFactory(code="fechado", active=False)
    product = ProductFactory(stock={"fechado": 5})
    assert available(product) == 0
    with pytest.raises(InsufficientStock):
        hold("a", {product.id: 1})


def test_an_expired_hold_is_free_without_any_job_and_is_reclaimed_by_the_next_buyer():
    product, other = ProductFactory(stock=1), ProductFactory(stock=1)
    hold("late", {product.id: 1, other.id: 1}, expires_at=past())
    assert available(product) == 1
    assert available(other) == 1
    hold("next", {product.id: 1})
    assert numbers(product) == [(1, 1)]
    assert Reservation.objects.get(reference="late").status == "released"
    # The other row was not touched; its unit is available all the same, and the next buyer gets it.
    assert available(other) == 1
    hold("other", {other.id: 1})
    assert numbers(other) == [(1, 1)]


def test_a_reclaimed_hold_cannot_be_sold_any_more():
    product = ProductFactory(stock=1)
    hold("late", {product.id: 1}, expires_at=past())
    hold("next", {product.id: 1})
    with pytest.raises(ReservationExpired), transaction.atomic():
        reservations.commit("late")
    assert numbers(product) == [(1, 1)]


def test_an_expired_hold_that_was_not_reclaimed_can_still_be_sold():
    product = ProductFactory(stock=1)
    hold("late", {product.id: 1}, expires_at=past())
    with transaction.atomic():
        reservations.commit("late")
    assert numbers(product) == [(0, 0)]


def test_a_replaced_hold_does_not_block():
    product, dropped = ProductFactory(stock=2), ProductFactory(stock=1)
    hold("first", {product.id: 2, dropped.id: 1})
    hold("second", {product.id: 2}, replacing="first")
    assert numbers(product) == [(2, 2)]
    assert numbers(dropped) == [(1, 0)]
    assert Reservation.objects.get(reference="first").status == "released"


def test_the_hold_of_another_blocks():
    product = ProductFactory(stock=2)
    hold("theirs", {product.id: 1})
    with pytest.raises(InsufficientStock):
        hold("mine", {product.id: 2}, replacing="nothing-of-mine")


def test_a_reference_can_hold_again_after_its_release():
    product, other = ProductFactory(stock=2), ProductFactory(stock=2)
    first = hold("a", {product.id: 2})
    with transaction.atomic():
        reservations.release("a")
    again = hold("a", {product.id: 1, other.id: 1})
    assert again.id == first.id
    assert again.created_at == first.created_at
    assert (numbers(product), numbers(other)) == ([(2, 1)], [(2, 1)])


@pytest.mark.parametrize("wanted", [["kept"], ["kept", "lost"], ["other"]])
def test_a_reference_whose_hold_was_partly_reclaimed_starts_over(wanted):
    products = {name: ProductFactory(stock=2) for name in ("kept", "lost", "other")}
    hold("late", {products["kept"].id: 1, products["lost"].id: 1}, expires_at=past())
    hold("next", {products["lost"].id: 2})
    with transaction.atomic():
        reservations.release("next")
    hold("late", {products[name].id: 1 for name in wanted})
    with transaction.atomic():
        reservations.commit("late")
    assert {name: numbers(product) for name, product in products.items()} == {
        name: [(1, 0)] if name in wanted else [(2, 0)] for name in products
    }


def test_a_second_reserve_replaces_the_hold():
    product = ProductFactory(stock=3)
    hold("a", {product.id: 3})
    hold("a", {product.id: 1})
    assert numbers(product) == [(3, 1)]


def test_a_committed_reference_cannot_reserve_again():
    product = ProductFactory(stock=3)
    hold("a", {product.id: 1})
    with transaction.atomic():
        reservations.commit("a")
    with pytest.raises(ReservationClosed):
        hold("a", {product.id: 1})
    assert numbers(product) == [(2, 0)]


def test_release_gives_everything_back_once():
    product = ProductFactory(stock=5)
    hold("a", {product.id: 2})
    hold("b", {product.id: 1})
    for _repeat in range(2):
        with transaction.atomic():
            reservations.release("a")
    assert numbers(product) == [(5, 1)]
    with transaction.atomic():
        reservations.release("unknown")


def test_commit_takes_stock_once_and_release_does_not_return_it():
    product = ProductFactory(stock=5)
    hold("a", {product.id: 2})
    for _repeat in range(2):
        with transaction.atomic():
            reservations.commit("a")
    with transaction.atomic():
        reservations.release("a")
    assert numbers(product) == [(3, 0)]
    assert Reservation.objects.get(reference="a").status == "committed"


def test_a_missing_or_released_hold_cannot_be_committed():
    product = ProductFactory(stock=5)
    hold("let-go", {product.id: 1})
    with transaction.atomic():
        reservations.release("let-go")
    for reference in ("never", "let-go"):
        with pytest.raises(ReservationExpired), transaction.atomic():
            reservations.commit(reference)
    assert numbers(product) == [(5, 0)]


def test_restock_returns_everything_still_out_once():
    product, other = ProductFactory(stock=5), ProductFactory(stock=1)
    hold("a", {product.id: 3, other.id: 1})
    with transaction.atomic():
        reservations.commit("a")
    with transaction.atomic():
        reservations.restock("a", {product.id: 1})
    assert (numbers(product), numbers(other)) == ([(3, 0)], [(0, 0)])
    for _repeat in range(2):
        with transaction.atomic():
            reservations.restock("a", None)
    assert (numbers(product), numbers(other)) == ([(5, 0)], [(1, 0)])


def test_no_more_is_restocked_than_was_sold():
    product, stranger = ProductFactory(stock=5), ProductFactory(stock=5)
    hold("a", {product.id: 2})
    with transaction.atomic():
        reservations.commit("a")
    for quantities in ({product.id: 3}, {stranger.id: 1}, {product.id: 1, stranger.id: 1}):
        with pytest.raises(RestockRefused), transaction.atomic():
            reservations.restock("a", quantities)
    assert (numbers(product), numbers(stranger)) == ([(3, 0)], [(5, 0)])


def test_a_hold_is_not_restocked():
    product = ProductFactory(stock=5)
    hold("a", {product.id: 2})
    with transaction.atomic():
        reservations.restock("a", None)
    assert numbers(product) == [(5, 2)]


def test_a_split_line_is_restocked_where_it_came_from():
    WarehouseFactory(code="primeiro", priority=1)
    WarehouseFactory(code="segundo", priority=2)
    product = ProductFactory(stock={"primeiro": 2, "segundo": 2})
    hold("a", {product.id: 3})
    with transaction.atomic():
        reservations.commit("a")
        reservations.restock("a", None)
    assert numbers(product) == [(2, 0), (2, 0)]


def test_reclaiming_ends_only_expired_holds():
    product, other = ProductFactory(stock=5), ProductFactory(stock=5)
    hold("live", {product.id: 1})
    hold("late", {product.id: 2, other.id: 1}, expires_at=past())
    assert reservations.reclaim_expired() == 3
    assert reservations.reclaim_expired() == 0
    assert (numbers(product), numbers(other)) == ([(5, 1)], [(5, 0)])
    assert dict(Reservation.objects.values_list("reference", "status")) == {"late": "released", "live": "held"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "verb",
    [
        lambda: reservations.reserve("a", {1: 1}, expires_at=soon()),
        lambda: reservations.release("a"),
        lambda: reservations.commit("a"),
        lambda: reservations.restock("a", None),
    ],
)
def test_every_service_refuses_to_lock_outside_a_transaction(verb):
    with pytest.raises(LockOutsideTransaction):
        verb()


@pytest.mark.parametrize("bad", [{"on_hand": 1, "reserved": 2}, {"on_hand": -1}, {"reserved": -1}])
def test_constraints_keep_the_stock_balance(bad):
    stock = ProductFactory(stock=5).stocks.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.filter(id=stock.id).update(**bad)


def counted(django_assert_num_queries, count, verb):
    with transaction.atomic(), django_assert_num_queries(count) as captured:
        verb()
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("lines", [1, 50])
def test_the_number_of_statements_does_not_depend_on_the_lines(lines, django_assert_num_queries):
    products = ProductFactory.create_batch(lines, stock=9)
    demand = {product.id: 2 for product in products}
    hold("late", demand, expires_at=past())
    hold("mine", demand)
    statements = counted(
        django_assert_num_queries,
        3,
        lambda: reservations.reserve("order", demand, expires_at=soon(), replacing="mine"),
    )
    assert "FOR UPDATE" in statements[0]
    assert 'ORDER BY "inventory_stock"."id"' in statements[0]
    assert statements[0].endswith('FOR UPDATE OF "inventory_stock"')
    assert not any("UPDATE inventory_stock" in sql for sql in statements[:1])
    (commit,) = counted(django_assert_num_queries, 1, lambda: reservations.commit("order"))
    assert commit.index("ORDER BY stock.id FOR UPDATE OF stock") < commit.index("UPDATE inventory_reservation SET")
    counted(django_assert_num_queries, 3, lambda: reservations.restock("order", None))
    (taken,) = counted(django_assert_num_queries, 1, lambda: reservations.reserve("other", demand, expires_at=soon()))
    assert taken.index("ORDER BY stock.id FOR UPDATE OF stock") < taken.index("INSERT INTO inventory_stock AS stock")
    counted(django_assert_num_queries, 3, lambda: reservations.release("other"))
    assert ReservationLine.objects.filter(held=True).count() == 0
