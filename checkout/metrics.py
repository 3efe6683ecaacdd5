"""What the tables of orders tell a scrape."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from checkout.discrepancies import discrepancies
from checkout.models import OutboxMessage
from config.telemetry.metrics import at_scrape, gauge

# The books are looked over for orders that were placed so lately, and no more of them than that.
LATELY = timedelta(days=2)
ORDERS_AT_MOST = 5000
# What may still be under way: a settlement, and a refund that the outbox has yet to make.
SETTLED_FOR = timedelta(minutes=2)


@at_scrape()
def outbox() -> Iterator[GaugeMetricFamily]:
    """One statement over the index of what is not sent."""
    now = timezone.now()
    facts = OutboxMessage.objects.unsent().aggregate(number=Count("pk"), oldest=Min("created_at"))
    age = (now - facts["oldest"]).total_seconds() if facts["oldest"] else 0.0
    yield gauge("outbox_messages", "Messages that are not sent yet.", {(): float(facts["number"])})
    yield gauge("outbox_oldest_seconds", "Age of the oldest of them.", {(): age})


@at_scrape(seconds=60)
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
