"""What is measured of orders: each stage of placing one, what becomes of them, the outbox, the books."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from checkout.discrepancies import discrepancies
from checkout.models import OrderStatus, OutboxMessage
from config.exceptions import Refusal
from config.telemetry.metrics import at_scrape, count_on_commit, gauge, lock_contention

STAGES = ("total", "commit", "authorize", "settle")

checkout_duration = Histogram(
    "checkout_duration_seconds",
    "Placing an order, by stage (total is what the shopper waits for) and outcome: ok, error, or a refusal's code.",
    ["stage", "outcome"],
    # An edge at 1.0: the promise is a 95th percentile below one second.
    buckets=(0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0),
)
orders = Counter("orders_total", "Orders, by the status that they have taken.", ["status"])
revenue = Counter("order_revenue_total", "What orders were paid, in the currency.", ["currency"])
swept = Counter("sweeper_settled_total", "What rounds in the background have dealt with, by round.", ["sweep"])

for _stage in STAGES:
    for _outcome in ("ok", "error"):
        checkout_duration.labels(_stage, _outcome)
for _status in OrderStatus:
    orders.labels(_status)
revenue.labels("BRL")
lock_contention.labels("checkout")


@contextmanager
def checkout_stage(stage: str) -> Iterator[None]:
    """Time one of STAGES: a decorator, or a `with`."""
    began, outcome = time.perf_counter(), "error"
    try:
        yield
        outcome = "ok"
    except Refusal as refusal:
        outcome = refusal.code
        raise
    finally:
        checkout_duration.labels(stage, outcome).observe(time.perf_counter() - began)


def count_order_on_commit(status: str) -> None:
    """Count an order under its new status, once the transaction under way has committed."""
    count_on_commit(orders.labels(status))


def count_revenue_on_commit(amount: Decimal, currency: str) -> None:
    """Count a paid order's money, once the transaction under way has committed."""
    count_on_commit(revenue.labels(currency), float(amount))


# --- Read at scrape time ----------------------------------------------------------------------------------------------

# The books are looked over for orders that were placed so lately, and no more of them than that.
LATELY = timedelta(days=2)
ORDERS_AT_MOST = 5000
# What may still be under way: a settlement, and a refund that the outbox has yet to make.
SETTLED_FOR = timedelta(minutes=2)


@at_scrape(vital=True)
def outbox() -> Iterator[GaugeMetricFamily]:
    """One statement over the index of what is not sent."""
    now = timezone.now()
    facts = OutboxMessage.objects.unsent().aggregate(number=Count("pk"), oldest=Min("created_at"))
    age = (now - facts["oldest"]).total_seconds() if facts["oldest"] else 0.0
    yield gauge("outbox_messages", "Messages that are not sent yet.", {(): float(facts["number"])})
    yield gauge("outbox_oldest_seconds", "Age of the oldest of them.", {(): age})


@at_scrape(seconds=60, vital=True)
def balance() -> Iterator[GaugeMetricFamily]:
    now = timezone.now()
    off: dict[tuple[str], float] = {("BRL",): 0.0}
    for found in discrepancies(now - LATELY, now - SETTLED_FOR, ORDERS_AT_MOST):
        off[(found.currency,)] = off.get((found.currency,), 0.0) + float(found.off)
    yield gauge(
        "money_out_of_balance",
        "Captured money of the last two days that is neither a paid order's nor paid back, in the currency.",
        off,
        ("currency",),
    )
