"""Metrics of orders: the stages of placing one, their statuses and revenue, the outbox, discrepancies."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from checkout.discrepancies import Discrepancy
from checkout.exceptions import TooMuchUnpaid
from checkout.models import OrderStatus, OutboxMessage
from config.exceptions import Refusal
from config.telemetry.attention import gauges_of
from config.telemetry.metrics import at_scrape, count_on_commit, gauge, lock_contention

STAGES = ("total", "commit", "authorize", "settle")

checkout_duration = Histogram(
    "checkout_duration_seconds",
    "Placing an order, by stage (total is what the shopper waits for) and outcome: ok, error, or a refusal's code; "
    "too_much_unpaid is a payment_unavailable of our own making.",
    ["stage", "outcome"],
    # A bucket edge at 1.0: the objective is a 95th percentile below one second.
    buckets=(0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0),
)
orders = Counter("orders_total", "Orders, by the status they have reached.", ["status"])
revenue = Counter("order_revenue_total", "Revenue of paid orders, in units of the currency.", ["currency"])
swept = Counter("sweeper_settled_total", "Rows handled by background sweeps, by sweep.", ["sweep"])

for _stage in STAGES:
    for _outcome in ("ok", "error", TooMuchUnpaid.counted_as):
        checkout_duration.labels(_stage, _outcome)
for _status in OrderStatus:
    orders.labels(_status)
revenue.labels("BRL")
lock_contention.labels("checkout")


@contextmanager
def checkout_stage(stage: str) -> Iterator[None]:
    """Time one of STAGES; a decorator or a context manager."""
    began, outcome = time.perf_counter(), "error"
    try:
        yield
        outcome = "ok"
    except Refusal as refusal:
        outcome = getattr(refusal, "counted_as", refusal.code)
        raise
    finally:
        checkout_duration.labels(stage, outcome).observe(time.perf_counter() - began)


def count_order_on_commit(status: str) -> None:
    """Count an order under its new status when the current transaction commits."""
    count_on_commit(orders.labels(status))


def count_revenue_on_commit(amount: Decimal, currency: str) -> None:
    """Count the revenue of a paid order when the current transaction commits."""
    count_on_commit(revenue.labels(currency), float(amount))


# --- Read at scrape time ----------------------------------------------------------------------------------------------


@at_scrape(vital=True)
def outbox() -> Iterator[GaugeMetricFamily]:
    """One statement over the partial index of unsent messages."""
    now = timezone.now()
    has_been_due = Q(tries__gt=0) | Q(due_at__lte=now)
    facts = OutboxMessage.objects.unsent().aggregate(number=Count("pk"), oldest=Min("created_at", filter=has_been_due))
    age = (now - facts["oldest"]).total_seconds() if facts["oldest"] else 0.0
    yield gauge("outbox_messages", "Unsent messages in the outbox.", {(): float(facts["number"])})
    yield gauge("outbox_oldest_seconds", "Age of the oldest unsent message that is due.", {(): age})


@gauges_of("money_out_of_balance")
def balance(discrepancies: Sequence[Discrepancy]) -> Iterator[GaugeMetricFamily]:
    """Up to 20,000 orders are compared for it, so that one reading serves both this and the count."""
    off: dict[tuple[str], float] = {("BRL",): 0.0}
    for found in discrepancies:
        off[(found.currency,)] = off.get((found.currency,), 0.0) + float(found.off)
    yield gauge(
        "money_out_of_balance",
        "Captured money that is neither due for an order, nor refunded, nor disputed, in units of the currency.",
        off,
        ("currency",),
    )
