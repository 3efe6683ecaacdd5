"""Stock gauges, read from the database at scrape time."""

from collections.abc import Iterator

from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from config.telemetry.metrics import at_scrape, gauge
from inventory.models import ReservationLine


@at_scrape()
def reservations() -> Iterator[GaugeMetricFamily]:
    """Held reservations: one statement, over the partial index of held lines."""
    expired = Q(expires_at__lte=timezone.now())
    unpaid = Q(unpaid=True) & ~expired
    facts = ReservationLine.objects.filter(held=True).aggregate(
        held=Count("reservation", filter=~expired, distinct=True),
        expired=Count("reservation", filter=expired, distinct=True),
        units=Sum("quantity"),
        unpaid=Sum("quantity", filter=unpaid),
    )
    counts = {(state,): float(facts[state]) for state in ("held", "expired")}
    yield gauge(
        "stock_reservations", "Reservations not committed or released, by whether they expired.", counts, ("state",)
    )
    yield gauge("stock_reserved_units", "Units held by reservations.", {(): float(facts["units"] or 0)})
    yield gauge(
        "stock_unpaid_units",
        "Units held for orders that wait for their shopper to pay: Pix codes and 3-D Secure.",
        {(): float(facts["unpaid"] or 0)},
    )


@at_scrape(seconds=60, vital=True)
def oversold() -> Iterator[GaugeMetricFamily]:
    """Stock rows reserved beyond what is on hand. Database constraints prevent them; this verifies it."""
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
    yield gauge("stock_oversold_rows", "Stock rows reserved beyond what is on hand.", {(): float(rows)})
