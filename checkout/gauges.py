"""What the tables of orders tell a scrape."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from checkout.models import OutboxMessage
from config.metrics import at_scrape, gauge

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
    """By our own books: money that was captured and is neither a paid order's nor on its way back, order by order.

    What the provider's books say is compared by the reconciliation (`checkout.sweeper.reconcile`).
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH lately AS (
                SELECT payment_id, status, total, currency FROM checkout_order
                WHERE placed_at BETWEEN %(first)s AND %(last)s ORDER BY placed_at DESC LIMIT %(most)s
            ), books AS (
                SELECT lately.currency,
                    COALESCE((
                        SELECT sum(captured) FROM payments_paymentattempt WHERE payment_id = lately.payment_id
                    ), 0) AS captured,
                    COALESCE((
                        SELECT sum(amount) FROM payments_refund
                        WHERE payment_id = lately.payment_id AND status <> 'failed'
                    ), 0) AS refunded,
                    CASE WHEN status IN ('paid', 'shipped', 'delivered') THEN total END AS kept
                FROM lately
            )
            SELECT currency, sum(CASE
                WHEN kept IS NULL THEN abs(captured - refunded)
                ELSE abs(captured - kept) + greatest(refunded - captured, 0)
            END) FROM books GROUP BY currency
            """,
            {"first": now - LATELY, "last": now - SETTLED_FOR, "most": ORDERS_AT_MOST},
        )
        off = {(currency,): float(amount) for currency, amount in cursor.fetchall()}
    yield gauge(
        "money_out_of_balance",
        "Captured money of the last two days that is neither a paid order's nor paid back, in the currency.",
        off or {("BRL",): 0.0},
        ("currency",),
    )
