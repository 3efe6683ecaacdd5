"""Several connections compete for the same stock on real PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inventory import reservations
from inventory.exceptions import InsufficientStock, ReservationExpired
from inventory.models import Reservation, ReservationLine, Stock
from tests.support.factories.inventory import ProductFactory, WarehouseFactory
from tests.support.guards_off import without_stock_lock
from tests.support.stock_locks import locked_until_waited_for, waiting_for_locks
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20


def soon():
    return timezone.now() + timedelta(minutes=35)


def hold(reference, demand, expires_at=None, replacing=None):
    with transaction.atomic():
        reservations.reserve(reference, demand, expires_at=expires_at or soon(), replacing=replacing)


def sell(reference, demand):
    """One buyer: reserves, then commits. Returns whether it got the stock."""
    try:
        hold(reference, demand)
    except InsufficientStock:
        return False
    with transaction.atomic():
        reservations.commit(reference)
    return True


def at_once(*calls):
    """Runs each call in a thread with its own connection, all started together; returns results or exceptions."""
    start = threading.Barrier(len(calls))

    def run(call):
        try:
            connection.ensure_connection()
            start.wait(PATIENCE_SECONDS)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE_SECONDS) for future in [pool.submit(run, call) for call in calls]]


def assert_balanced():
    for stock in Stock.objects.all():
        held = sum(ReservationLine.objects.filter(stock=stock, held=True).values_list("quantity", flat=True))
        assert stock.reserved == held
        assert 0 <= stock.reserved <= stock.on_hand


def test_one_of_two_connections_gets_the_last_unit():
    product = ProductFactory(stock=1)
    with locked_until_waited_for(2):
        results = at_once(lambda: hold("a", {product.id: 1}), lambda: hold("b", {product.id: 1}))
    assert {type(result) for result in results} == {InsufficientStock, type(None)}
    assert Reservation.objects.count() == 1
    assert_balanced()


def test_without_the_lock_both_would_sell_it():
    """The control: the race without the lock. Only the database's constraint prevents a double sale."""
    product = ProductFactory(stock=1)
    with without_stock_lock(), locked_until_waited_for(2):
        results = at_once(lambda: hold("a", {product.id: 1}), lambda: hold("b", {product.id: 1}))
    (error,) = [result for result in results if result is not None]
    assert "stock_reserved_within_on_hand" in str(error)

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inventory_stock DROP CONSTRAINT stock_reserved_within_on_hand")
    try:
        Stock.objects.update(on_hand=1, reserved=0)
        with without_stock_lock(), locked_until_waited_for(2):
            results = at_once(lambda: hold("c", {product.id: 1}), lambda: hold("d", {product.id: 1}))
        assert results == [None, None]
        assert Stock.objects.get().reserved == 2
    finally:
        ReservationLine.objects.all().delete()
        Stock.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE inventory_stock ADD CONSTRAINT stock_reserved_within_on_hand "
                "CHECK (reserved >= 0 AND reserved <= on_hand)"
            )


@pytest.mark.parametrize(
    ("seen", "when_locked", "after"),
    [
        ((10, 10), (10, 0), (10, 1)),  # an expired hold was reclaimed meanwhile
        ((10, 0), (10, 10), None),
        ((10, 3), (12, 5), (12, 6)),
        ((0, 0), (1, 0), (1, 1)),
        ((1, 0), (0, 0), None),
    ],
)
def test_a_buyer_who_waited_for_the_lock_decides_on_the_new_numbers(seen, when_locked, after):
    product = ProductFactory(stock=0)
    Stock.objects.update(on_hand=seen[0], reserved=seen[1])
    with ThreadPoolExecutor(1) as pool, holding_the_lock_of(product) as commit_after:
        buyer = in_thread(pool, lambda: reservations.reserve("mine", {product.id: 1}, expires_at=soon()))
        wait_until_blocked()
        commit_after(lambda: Stock.objects.update(on_hand=when_locked[0], reserved=when_locked[1]))
        if after is None:
            with pytest.raises(InsufficientStock):
                buyer.result(PATIENCE_SECONDS)
        else:
            buyer.result(PATIENCE_SECONDS)
    assert Stock.objects.values_list("on_hand", "reserved").get() == (after or when_locked)


def test_many_buyers_with_lines_in_opposite_order_sell_the_stock_without_deadlock():
    WarehouseFactory(code="primeiro", priority=1)
    WarehouseFactory(code="segundo", priority=2)
    products = [ProductFactory(stock={"segundo": 4, "primeiro": 6}) for _ in range(5)]
    ids = [product.id for product in products]

    def buyer(number):
        order = ids if number % 2 else ids[::-1]
        return lambda: sell(f"buyer-{number}", dict.fromkeys(order, 1))

    results = at_once(*(buyer(number) for number in range(30)))
    assert [result for result in results if isinstance(result, Exception)] == []
    assert sum(results) == 10
    assert set(Stock.objects.values_list("on_hand", "reserved")) == {(0, 0)}
    assert Reservation.objects.filter(status="committed").count() == 10


def test_buyers_who_reclaim_each_others_expired_holds_do_not_deadlock():
    products = [ProductFactory(stock=10) for _ in range(4)]
    ids = [product.id for product in products]
    for number in range(10):
        hold(f"late-{number}", dict.fromkeys(ids, 1), expires_at=timezone.now() - timedelta(seconds=1))

    def buyer(number):
        # Different stock rows, but the same expired reservations.
        return lambda: sell(f"buyer-{number}", {ids[number % 4]: 1})

    results = at_once(
        *(buyer(number) for number in range(16)), reservations.reclaim_expired, reservations.reclaim_expired
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    assert all(results[:16])
    assert Reservation.objects.filter(status="held").count() == 0
    reservations.reclaim_expired()
    assert set(Stock.objects.values_list("on_hand", "reserved")) == {(6, 0)}


@contextmanager
def holding_the_lock_of(product):
    """A thread locks the product's stock rows; `commit_after(action)` runs `action` in its transaction and commits."""
    locked, finish = threading.Event(), threading.Event()
    actions = []

    def hold_lock():
        try:
            with transaction.atomic():
                Stock.objects.filter(product=product).locked()
                locked.set()
                assert finish.wait(PATIENCE_SECONDS)
                for action in actions:
                    action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hold_lock)
        assert locked.wait(PATIENCE_SECONDS)

        def commit_after(action):
            actions.append(action)
            finish.set()
            future.result(PATIENCE_SECONDS)

        yield commit_after


def wait_until_blocked(count=1):
    eventually(lambda: waiting_for_locks() >= count, PATIENCE_SECONDS)


def in_thread(pool, call):
    def run():
        try:
            with transaction.atomic():
                return call()
        finally:
            connection.close()

    return pool.submit(run)


def test_a_commit_that_waited_while_its_hold_was_reclaimed_is_refused():
    product = ProductFactory(stock=1)
    hold("late", {product.id: 1}, expires_at=timezone.now() - timedelta(seconds=1))
    with ThreadPoolExecutor(1) as pool, holding_the_lock_of(product) as commit_after:
        sale = in_thread(pool, lambda: reservations.commit("late"))
        wait_until_blocked()
        commit_after(lambda: reservations.reserve("next", {product.id: 1}, expires_at=soon()))
        with pytest.raises(ReservationExpired):
            sale.result(PATIENCE_SECONDS)
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved) == (1, 1)
    assert_balanced()


@pytest.mark.parametrize("verb", [reservations.commit, reservations.release])
def test_a_service_that_waited_for_the_lock_uses_the_new_numbers(verb):
    product = ProductFactory(stock=10)
    hold("mine", {product.id: 2})
    with ThreadPoolExecutor(1) as pool, holding_the_lock_of(product) as commit_after:
        waiting = in_thread(pool, lambda: verb("mine"))
        wait_until_blocked()
        commit_after(lambda: reservations.reserve("theirs", {product.id: 3}, expires_at=soon()))
        waiting.result(PATIENCE_SECONDS)
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved) == ((8, 3) if verb is reservations.commit else (10, 3))
    assert_balanced()


def test_concurrent_commit_and_release_of_a_hold_do_one_of_them():
    product = ProductFactory(stock=10)

    def in_transaction(verb, reference):
        def run():
            with transaction.atomic():
                verb(reference)

        return run

    for number in range(8):
        reference = f"r{number}"
        hold(reference, {product.id: 1})
        results = at_once(
            *(in_transaction(verb, reference) for verb in (reservations.commit, reservations.release) * 2)
        )
        assert {type(result) for result in results} <= {type(None), ReservationExpired}
    sold = Reservation.objects.filter(status="committed").count()
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved) == (10 - sold, 0)
