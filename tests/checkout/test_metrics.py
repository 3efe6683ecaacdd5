"""The checkout's metrics, event by event."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client import REGISTRY

from cart import services as carts
from cart.metrics import CartStep
from checkout.exceptions import PaymentDeclined
from config.db.locks import redis_lock
from config.resilience.breakers import (
    FAILURES_BEFORE_OPENING,
    OPEN_SECONDS,
    Breaker,
    BreakerOpen,
    ProviderFailure,
    breaker,
)
from payments.exceptions import PaymentUnavailable
from tests.support.factories.cart import ready_cart
from tests.support.orders import DECLINED, order_of
from tests.support.sandbox import Sandbox


class Counts:
    """How much a sample has grown since this object was created."""

    def __init__(self) -> None:
        self._before = self._all()

    def grown(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return self._all().get(key, 0) - self._before.get(key, 0)

    @staticmethod
    def _all() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }


@pytest.mark.django_db(transaction=True)
class TestAnOrder:
    def test_that_is_paid(self, sandbox: Sandbox) -> None:
        cart, counts = ready_cart(), Counts()
        order = order_of(cart)
        for stage in ("total", "commit", "authorize", "settle"):
            assert counts.grown("checkout_duration_seconds_count", stage=stage, outcome="ok") == 1, stage
        assert counts.grown("orders_total", status="awaiting_payment") == 1
        assert counts.grown("orders_total", status="paid") == 1
        assert counts.grown("order_revenue_total", currency="BRL") == pytest.approx(float(order.total))
        assert counts.grown("payment_answers_total", call="authorize", answer="approved") == 1
        assert counts.grown("provider_call_duration_seconds_count", service="stripe", outcome="answered") == 1
        assert counts.grown("checkout_lock_wait_seconds_count") >= 2

    def test_that_is_declined(self, sandbox: Sandbox) -> None:
        cart, counts = ready_cart(), Counts()
        with pytest.raises(PaymentDeclined):
            order_of(cart, DECLINED)
        assert counts.grown("checkout_duration_seconds_count", stage="total", outcome="payment_declined") == 1
        assert counts.grown("orders_total", status="cancelled") == 1
        assert counts.grown("orders_total", status="paid") == 0
        assert counts.grown("order_revenue_total", currency="BRL") == 0
        # A declined card is an answer from the provider, not a failure.
        assert counts.grown("provider_call_duration_seconds_count", service="stripe", outcome="answered") == 1

    def test_that_met_a_provider_outage(self, sandbox: Sandbox, settings) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:1"
        cart, counts = ready_cart(), Counts()
        with pytest.raises(PaymentUnavailable):
            order_of(cart)
        assert counts.grown("checkout_duration_seconds_count", stage="total", outcome="payment_unavailable") == 1
        assert counts.grown("provider_call_duration_seconds_count", service="stripe", outcome="failed") == 1
        assert counts.grown("payment_answers_total", call="authorize", answer="unavailable") == 1


@pytest.mark.django_db(transaction=True)
def test_a_cart_is_counted_once_at_each_step_it_reaches(sandbox: Sandbox) -> None:
    def steps() -> list[float]:
        return [counts.grown("cart_steps_total", step=step) for step in CartStep]

    counts = Counts()
    cart = ready_cart()
    assert steps() == [1, 1, 1, 0, 0]
    carts.set_quantity(cart.id, cart.lines[0].product.sku, 2)
    cart = carts.choose_shipping(cart.id, cart.shipping.code)
    assert steps() == [1, 1, 1, 0, 0]
    order_of(cart)
    assert steps() == [1, 1, 1, 1, 1]


def test_a_breaker_that_trips_is_counted_once() -> None:
    counts = Counts()
    for _ in range(FAILURES_BEFORE_OPENING):
        with pytest.raises(ProviderFailure), breaker("postal_codes").calling():
            raise ProviderFailure
    with pytest.raises(Exception, match="circuit of postal_codes is open"), breaker("postal_codes").calling():
        pass
    assert counts.grown("breaker_trips_total", service="postal_codes") == 1
    assert counts.grown("provider_call_duration_seconds_count", service="postal_codes", outcome="failed") == 5
    assert counts.grown("provider_call_duration_seconds_count", service="postal_codes", outcome="rejected") == 1
    breaker("postal_codes").close()


def test_a_trip_is_counted_only_by_the_process_that_tripped() -> None:
    """Two `Breaker` objects with one name share only Redis, as two processes do."""
    counts, (here, there, elsewhere) = Counts(), (Breaker("postal_codes") for _ in range(3))
    calls = [here, there] * FAILURES_BEFORE_OPENING
    under_way = Barrier(len(calls))

    def fail_with_the_others(trying: Breaker) -> None:
        with pytest.raises(ProviderFailure), trying.calling():
            under_way.wait(10)
            raise ProviderFailure

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(fail_with_the_others, calls))
    for each in (here, there, elsewhere):
        with pytest.raises(BreakerOpen), each.calling():
            pytest.fail("the call must not go through")
    assert counts.grown("breaker_trips_total", service="postal_codes") == 1
    with time_machine.travel(timezone.now() + timedelta(seconds=OPEN_SECONDS + 1)):
        with pytest.raises(ProviderFailure), there.calling():
            raise ProviderFailure
        assert here.state == "open"
    assert counts.grown("breaker_trips_total", service="postal_codes") == 1, "the circuit was open all the time"
    here.close()


def test_without_redis_each_process_counts_its_own_trips(settings) -> None:
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {**settings.CACHES, "default": away}
    counts = Counts()
    for trying in (Breaker("postal_codes"), Breaker("postal_codes")):
        for _ in range(FAILURES_BEFORE_OPENING):
            with pytest.raises(ProviderFailure), trying.calling():
                raise ProviderFailure
    assert counts.grown("breaker_trips_total", service="postal_codes") == 2


def test_a_held_lock_is_contention_not_an_error() -> None:
    counts = Counts()
    with redis_lock("checkout:a", 5), redis_lock("checkout:a", 5):
        pass
    assert counts.grown("checkout_lock_contention_total", lock="checkout") == 1
    assert counts.grown("checkout_lock_errors_total", kind="lost") == 0


def test_a_lock_that_outlives_its_lease_is_an_error() -> None:
    counts = Counts()
    with redis_lock("checkout:b", 0.05):
        time.sleep(0.1)
    assert counts.grown("checkout_lock_errors_total", kind="lost") == 1


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_the_database_refuses_is_an_error() -> None:
    """PostgreSQL's own error, as raised by a deadlock or a lock timeout."""
    counts = Counts()
    for state, kind in (("40P01", "deadlock"), ("55P03", "timeout"), ("40001", "serialization")):
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
        assert counts.grown("checkout_lock_errors_total", kind=kind) == 1
