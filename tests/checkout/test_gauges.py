"""Gauges read from the tables: zero in a healthy shop, above zero as soon as an invariant is broken."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cart.snapshot import CartSnapshot
from checkout.models import Order, OrderStatus, OutboxMessage
from config.retention.rules import all_rules
from config.telemetry import metrics
from inventory.models import ReservationLine, Stock
from payments.models import AttemptStatus, PaymentAttempt, ReconcileCursor, WebhookEvent
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def scraped() -> dict[str, float]:
    metrics.forget_scraped()
    return {
        ",".join([sample.name, *sample.labels.values()]): sample.value
        for family in metrics.ScrapedGauges().collect()
        for sample in family.samples
    }


@pytest.fixture
def order() -> Order:
    """An order paid ten minutes ago."""
    placed = order_of(a_cart())
    Order.objects.update(placed_at=timezone.now() - timedelta(minutes=10))
    return placed


def a_cart() -> CartSnapshot:
    return ready_cart([ProductFactory(stock=5)])


def test_a_healthy_shop_reports_zeros(order: Order) -> None:
    gauges = scraped()
    for name in (
        "money_out_of_balance,BRL", "stock_oversold_rows", "payment_attempts,unknown", "stock_reservations,held",
        "webhook_events_waiting", "breaker_state,stripe",
    ):  # fmt: skip
        assert gauges[name] == 0, name
    assert gauges["outbox_messages"] == 1, "The confirmation waits for the relay."


def test_a_scrape_takes_few_statements(order: Order, django_assert_max_num_queries) -> None:
    # One for each retention rule counts what is past its period, every five minutes.
    with django_assert_max_num_queries(8 + len(all_rules())):
        scraped()
    with django_assert_max_num_queries(0):
        list(metrics.ScrapedGauges().collect())


def test_the_orders_are_compared_once_a_scrape(order: Order) -> None:
    """The count of orders that are off and the money that they are off by."""
    with CaptureQueriesContext(connection) as queries:
        gauges = scraped()
    compared = [query["sql"] for query in queries if "WITH recent AS" in query["sql"]]
    assert len(compared) == 1
    assert (gauges["attention_items,money_out_of_balance"], gauges["money_out_of_balance,BRL"]) == (0, 0)


class TestMoney:
    def test_of_a_cancelled_order_counts_until_it_is_refunded(self, order: Order) -> None:
        Order.objects.update(status=OrderStatus.CANCELLED)
        assert scraped()["money_out_of_balance,BRL"] == float(order.total)

    def test_that_differs_from_the_orders_total_counts(self, order: Order) -> None:
        PaymentAttempt.objects.update(captured=order.total - Decimal("1.50"))
        assert scraped()["money_out_of_balance,BRL"] == 1.5

    def test_that_was_never_captured_counts(self, order: Order) -> None:
        PaymentAttempt.objects.update(captured=0)
        assert scraped()["money_out_of_balance,BRL"] == float(order.total)


def test_old_mail_counts(order: Order) -> None:
    OutboxMessage.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    assert scraped()["outbox_oldest_seconds"] == pytest.approx(360, abs=10)


def test_an_attempt_without_an_answer_counts(order: Order) -> None:
    PaymentAttempt.objects.update(status=AttemptStatus.UNKNOWN, created_at=timezone.now() - timedelta(minutes=7))
    gauges = scraped()
    assert gauges["payment_attempts,unknown"] == 1
    assert gauges["payment_attempt_oldest_seconds,unknown"] == pytest.approx(420, abs=10)
    assert gauges["payment_attempt_oldest_seconds,started"] == 0


def test_an_attempt_that_the_sweeper_does_not_reach_counts(order: Order) -> None:
    """Its age is that since its start, however late it is due."""
    now = timezone.now()
    started, due = now - timedelta(minutes=20), now - timedelta(minutes=4)
    PaymentAttempt.objects.update(status=AttemptStatus.ACTION, created_at=started, due_at=due)
    gauges = scraped()
    assert gauges["payment_attempt_oldest_seconds,action"] == pytest.approx(1200, abs=10)
    assert gauges["payment_attempt_overdue_seconds,action"] == pytest.approx(240, abs=10)
    PaymentAttempt.objects.update(due_at=now + timedelta(minutes=1))
    gauges = scraped()
    assert gauges["payment_attempt_overdue_seconds,action"] == 0
    assert gauges["payment_attempt_oldest_seconds,action"] == pytest.approx(1200, abs=10)


def test_an_unsettled_webhook_counts() -> None:
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, received_at=timezone.now() - timedelta(minutes=8)
    )
    gauges = scraped()
    assert (gauges["webhook_events_waiting"], gauges["webhook_oldest_seconds"]) == (1, pytest.approx(480, abs=10))


def test_charges_that_are_not_compared_count() -> None:
    assert scraped()["reconciliation_lag_seconds,charges_1m"] == 0
    ReconcileCursor.objects.create(stream="charges_1m", position=timezone.now() - timedelta(minutes=41))
    ReconcileCursor.objects.create(stream="charges_6h", position=timezone.now() - timedelta(hours=6))
    gauges = scraped()
    assert gauges["reconciliation_lag_seconds,charges_1m"] == pytest.approx(2400, abs=10)
    assert gauges["reconciliation_lag_seconds,charges_6h"] == pytest.approx(0, abs=10)


def test_held_and_expired_reservations_count_separately(order: Order) -> None:
    line = ReservationLine.objects.get()
    ReservationLine.objects.update(held=True)
    assert scraped()["stock_reservations,held"] == 1
    ReservationLine.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    gauges = scraped()
    assert (gauges["stock_reservations,held"], gauges["stock_reservations,expired"]) == (0, 1)
    assert gauges["stock_reserved_units"] == line.quantity


def test_oversold_stock_counts(order: Order) -> None:
    """The database's constraint refuses overselling, so only the held lines are compared here."""
    ReservationLine.objects.update(held=True)
    Stock.objects.update(on_hand=0, reserved=0)
    assert scraped()["stock_oversold_rows"] == 1


def test_a_failing_gauge_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE checkout_outboxmessage RENAME TO outbox_elsewhere")
    try:
        before = metrics.read_errors.labels("checkout.outbox")._value.get()
        gauges = scraped()
        assert "outbox_messages" not in gauges
        assert gauges["stock_oversold_rows"] == 0
        assert metrics.read_errors.labels("checkout.outbox")._value.get() == before + 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE outbox_elsewhere RENAME TO checkout_outboxmessage")
