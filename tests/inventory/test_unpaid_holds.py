"""Holds that wait for their shopper to pay take no more than their share of a product."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory import reservations
from inventory.allocation import UnpaidBound
from inventory.exceptions import InsufficientStock, UnpaidBoundReached
from inventory.models import Product, ReservationLine, Stock
from tests.support.factories.inventory import ProductFactory, WarehouseFactory
from tests.support.guards_off import without_stock_lock
from tests.support.stock_locks import locked_until_waited_for

pytestmark = pytest.mark.django_db

BOUND = UnpaidBound(share=0.3, at_least=2)


def hold(reference: str, demand: dict[int, int], *, unpaid: UnpaidBound | None = BOUND, minutes: float = 20) -> None:
    with transaction.atomic():
        reservations.reserve(reference, demand, expires_at=timezone.now() + timedelta(minutes=minutes), unpaid=unpaid)


def held(product: Product) -> int:
    lines = ReservationLine.objects.unpaid(timezone.now()).filter(stock__product=product)
    return sum(lines.values_list("quantity", flat=True))


def test_unpaid_holds_stop_at_their_share_and_all_others_go_on() -> None:
    product = ProductFactory(stock=10)
    hold("a", {product.id: 2})
    hold("b", {product.id: 1})
    with pytest.raises(UnpaidBoundReached):
        hold("c", {product.id: 1})
    assert held(product) == 3
    hold("card", {product.id: 7}, unpaid=None)
    with pytest.raises(InsufficientStock):
        hold("d", {product.id: 1})


def test_one_product_at_its_bound_refuses_the_whole_order_and_changes_nothing() -> None:
    full, empty = ProductFactory(stock=4), ProductFactory(stock=4)
    hold("a", {full.id: 2})
    with pytest.raises(UnpaidBoundReached):
        hold("b", {full.id: 1, empty.id: 1})
    assert (held(full), held(empty)) == (2, 0)
    assert Stock.objects.get(product=empty).reserved == 0


@pytest.mark.parametrize(("stock", "units"), [(1, 1), (2, 2), (3, 2), (6, 2), (7, 2), (10, 3), (1000, 300)])
def test_an_ordinary_order_fits_however_few_there_are(stock: int, units: int) -> None:
    product = ProductFactory(stock=stock)
    hold("a", {product.id: units})
    with pytest.raises((UnpaidBoundReached, InsufficientStock)):
        hold("b", {product.id: 1})


def test_what_is_held_to_be_paid_at_once_does_not_count() -> None:
    product = ProductFactory(stock=10)
    hold("card", {product.id: 6}, unpaid=None)
    hold("a", {product.id: 3})
    assert held(product) == 3


def ends_by_release() -> None:
    with transaction.atomic():
        reservations.release("a")


def ends_by_payment() -> None:
    with transaction.atomic():
        reservations.commit("a")


def ends_by_expiry() -> None:
    ReservationLine.objects.update(expires_at=timezone.now())


@pytest.mark.parametrize("end", [ends_by_release, ends_by_payment, ends_by_expiry], ids=lambda end: end.__name__)
def test_a_hold_that_ended_makes_room(end) -> None:
    product = ProductFactory(stock=20)
    hold("a", {product.id: 6})
    end()
    hold("b", {product.id: 4})


def test_an_own_earlier_hold_is_no_competitor() -> None:
    product = ProductFactory(stock=10)
    hold("a", {product.id: 3})
    with transaction.atomic():
        reservations.reserve(
            "b", {product.id: 3}, expires_at=timezone.now() + timedelta(minutes=1), replacing="a", unpaid=BOUND
        )
    assert held(product) == 3


def test_all_open_warehouses_count_together() -> None:
    WarehouseFactory(code="fechado", active=False)
    product = ProductFactory(stock={"principal": 4, "recife": 6, "fechado": 90})
    hold("a", {product.id: 3})
    with pytest.raises(UnpaidBoundReached):
        hold("b", {product.id: 1})


class TestStatements:
    def spent(self, reference: str, products: list[Product]) -> int:
        with CaptureQueriesContext(connection) as captured:
            hold(reference, {product.id: 1 for product in products})
        return len([query for query in captured if "SAVEPOINT" not in query["sql"]])

    def test_only_near_the_bound_one_more_and_never_one_a_line(self) -> None:
        few, many = [ProductFactory(stock=10)], ProductFactory.create_batch(30, stock=10)
        assert [self.spent(f"{number}", few) for number in range(3)] == [1, 1, 1]
        assert [self.spent(f"many-{number}", many) for number in range(3)] == [1, 1, 1]
        hold("card", {product.id: 1 for product in [*few, *many]}, unpaid=None)
        ReservationLine.objects.update(unpaid=False)
        assert (self.spent("near", few), self.spent("many-near", many)) == (3, 3)


class TestAwaitPayment:
    """A hold for a payment that was to be made at once, and waits for its shopper after all."""

    def wait(self, reference: str) -> None:
        with transaction.atomic():
            reservations.await_payment(reference, BOUND)

    def test_counts_from_then_on(self) -> None:
        product = ProductFactory(stock=10)
        hold("card", {product.id: 3}, unpaid=None)
        self.wait("card")
        assert held(product) == 3
        with pytest.raises(UnpaidBoundReached):
            hold("pix", {product.id: 1})

    def test_is_refused_beyond_the_bound(self) -> None:
        product = ProductFactory(stock=10)
        hold("pix", {product.id: 2})
        hold("card", {product.id: 2}, unpaid=None)
        with pytest.raises(UnpaidBoundReached):
            self.wait("card")
        assert held(product) == 2

    def test_of_a_hold_that_has_ended_does_nothing(self) -> None:
        product = ProductFactory(stock=10)
        hold("card", {product.id: 2}, unpaid=None)
        with transaction.atomic():
            reservations.release("card")
        self.wait("card")
        assert held(product) == 0


@pytest.mark.django_db(transaction=True)
class TestRace:
    """Many buyers at once, on connections of their own."""

    BUYERS = 6

    @pytest.fixture
    def product(self) -> Product:
        return ProductFactory(stock=10)

    def buy_all(self, product: Product) -> int:
        def buy(number: int) -> bool:
            try:
                hold(f"buyer-{number}", {product.id: 1})
            except UnpaidBoundReached:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(self.BUYERS) as pool:
            return sum(pool.map(buy, range(self.BUYERS)))

    def test_never_exceeds_the_bound(self, product: Product) -> None:
        assert self.buy_all(product) == 3
        assert held(product) == 3

    def test_without_the_lock_it_would(self, product: Product) -> None:
        """The control: the same buyers, deciding on rows that are not locked, all at the same moment."""
        with without_stock_lock(), locked_until_waited_for(self.BUYERS):
            assert self.buy_all(product) == self.BUYERS
        assert held(product) == self.BUYERS > 3
