"""Any sequence of stock operations keeps the balance: a Hypothesis state machine against a model of dictionaries."""

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inventory import catalogue, reservations, services
from inventory.exceptions import (
    InsufficientStock,
    ReservationClosed,
    ReservationExpired,
    RestockRefused,
    StockRefused,
)
from inventory.models import Category, Product, Reservation, ReservationLine, Stock, Warehouse
from tests.support.factories.inventory import ProductFactory, WarehouseFactory

REFERENCES = st.sampled_from(["r1", "r2", "r3", "r4"])
PRODUCTS = st.sampled_from([0, 1, 2])
DEMANDS = st.dictionaries(PRODUCTS, st.integers(1, 4), min_size=1)
WAREHOUSES = st.sampled_from(["w1", "w2"])
HOLD = timedelta(minutes=10)


class StockMachine(RuleBasedStateMachine):
    """The model: units on hand by product, reserved demands with their expiry, and demands sold and not returned."""

    @initialize()
    def open_the_shop(self):
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.clock = mock.patch("django.utils.timezone.now", side_effect=lambda: self.now)
        self.clock.start()
        for model in (ReservationLine, Reservation, Stock, Product, Warehouse, Category):
            model.objects.all().delete()
        WarehouseFactory(code="w1", priority=1)
        WarehouseFactory(code="w2", priority=2)
        self.products = [ProductFactory(stock={"w1": 3, "w2": 2}) for _ in range(3)]
        self.places = {product.id: place for place, product in enumerate(self.products)}
        self.on_hand = dict.fromkeys(range(3), 5)
        self.held = {}
        self.out = {}

    def teardown(self):
        if hasattr(self, "clock"):
            self.clock.stop()

    def live(self):
        return {reference: demand for reference, (demand, ends) in self.held.items() if ends > self.now}

    def free(self, product):
        return self.on_hand[product] - sum(demand.get(product, 0) for demand in self.live().values())

    def by_id(self, demand):
        return {self.products[product].id: quantity for product, quantity in demand.items()}

    @rule(reference=REFERENCES, demand=DEMANDS, replacing=st.none() | REFERENCES)
    def reserve(self, reference, demand, replacing):
        mine = {reference, replacing}
        own = [held for name, held in self.live().items() if name in mine]
        enough = all(
            quantity <= self.free(product) + sum(held.get(product, 0) for held in own)
            for product, quantity in demand.items()
        )
        try:
            with transaction.atomic():
                reservations.reserve(reference, self.by_id(demand), expires_at=self.now + HOLD, replacing=replacing)
        except InsufficientStock:
            assert not enough
        except ReservationClosed:
            assert reference in self.out
        else:
            assert enough
            assert reference not in self.out
            for name in mine:
                self.held.pop(name, None)
            self.held[reference] = (demand, self.now + HOLD)

    @rule(reference=REFERENCES)
    def release(self, reference):
        with transaction.atomic():
            reservations.release(reference)
        self.held.pop(reference, None)

    @rule(reference=REFERENCES)
    def commit(self, reference):
        try:
            with transaction.atomic():
                reservations.commit(reference)
        except ReservationExpired:
            assert reference not in self.live()
            assert reference not in self.out
            return
        if reference in self.out:
            return
        # Committed from a live hold, or from an expired one that had not been reclaimed.
        demand, _ends = self.held.pop(reference)
        self.out[reference] = dict(demand)
        for product, quantity in demand.items():
            self.on_hand[product] -= quantity

    @rule(reference=REFERENCES)
    def restock_all(self, reference):
        with transaction.atomic():
            reservations.restock(reference, None)
        for product, quantity in self.out.get(reference, {}).items():
            self.on_hand[product] += quantity
            self.out[reference][product] = 0

    @rule(reference=REFERENCES, demand=DEMANDS)
    def restock_some(self, reference, demand):
        out = self.out.get(reference, {})
        possible = all(quantity <= out.get(product, 0) for product, quantity in demand.items())
        try:
            with transaction.atomic():
                reservations.restock(reference, self.by_id(demand))
        except RestockRefused:
            assert not possible
            return
        assert possible
        for product, quantity in demand.items():
            self.on_hand[product] += quantity
            out[product] -= quantity

    @rule(minutes=st.integers(1, 9))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self):
        reservations.reclaim_expired()

    @rule(product=PRODUCTS, quantity=st.integers(0, 6), warehouse=WAREHOUSES)
    def set_stock(self, product, quantity, warehouse):
        row = Stock.objects.get(product=self.products[product], warehouse__code=warehouse)
        held = ReservationLine.objects.filter(stock=row, held=True, expires_at__gt=self.now)
        promised = sum(held.values_list("quantity", flat=True))
        try:
            services.set_stock(self.products[product].sku, quantity, warehouse)
        except StockRefused:
            assert quantity < promised
        else:
            assert quantity >= promised
            self.on_hand[product] += quantity - row.on_hand

    @precondition(lambda self: hasattr(self, "products"))
    @invariant()
    def every_unit_is_accounted_for(self):
        rows = Stock.objects.annotate(held=Sum("reservation_lines__quantity", filter=Q(reservation_lines__held=True)))
        on_hand = dict.fromkeys(range(3), 0)
        for row in rows:
            assert row.reserved == (row.held or 0)
            assert 0 <= row.reserved <= row.on_hand
            on_hand[self.places[row.product_id]] += row.on_hand
        assert on_hand == self.on_hand

    @precondition(lambda self: hasattr(self, "products"))
    @invariant()
    def what_is_free_is_what_the_model_says(self):
        free = {product_id: self.free(place) for product_id, place in self.places.items()}
        assert catalogue.available_now(list(self.places)) == free
        rows = Product.objects.with_available(timezone.now()).filter(id__in=self.places)
        assert dict(rows.values_list("id", "available_quantity")) == free


@pytest.mark.django_db(transaction=True)
def test_any_sequence_keeps_the_balance():
    run_state_machine_as_test(
        StockMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
