"""What the tables of stock tell a scrape."""

from collections.abc import Iterator

from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from config.telemetry.metrics import at_scrape, gauge
from inventory.models import ReservationLine


@at_scrape()
def reservations() -> Iterator[GaugeMetricFamily]:
    """Orders that hold goods: one statement over an index that holds no others."""
    over = Q(expires_at__lte=timezone.now())
    facts = ReservationLine.objects.filter(held=True).aggregate(
        held=Count("reservation", filter=~over, distinct=True),
        expired=Count("reservation", filter=over, distinct=True),
        units=Sum("quantity"),
    )
    counts = {(state,): float(facts[state]) for state in ("held", "expired")}
    yield gauge(
        "stock_reservations", "Reservations that hold goods, by whether their time is over.", counts, ("state",)
    )
    yield gauge("stock_reserved_units", "Units that they hold.", {(): float(facts["units"] or 0)})


@at_scrape(seconds=60, vital=True)
def oversold() -> Iterator[GaugeMetricFamily]:
    """Rows that promise more than there is. The database refuses them itself; this looks all the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM inventory_stock AS stock
            LEFT JOIN (
                SELECT stock_id, sum(quantity) AS quantity FROM inventory_reservationline WHERE held GROUP BY stock_id
            ) AS held ON held.stock_id = stock.id
            WHERE stock.reserved > stock.on_hand OR stock.reserved < 0 OR held.quantity > stock.on_hand
            """
        )
        (rows,) = cursor.fetchone()
    yield gauge("stock_oversold_rows", "Stock rows that promise more than there is.", {(): float(rows)})
