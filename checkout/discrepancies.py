"""By our own books: money that was captured and is neither a paid order's nor on its way back, order by order.

What the provider's books say is compared by the reconciliation (`checkout.sweeper.reconcile`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from checkout.models import OrderStatus

# `off` is how far an order is from what it should be: nothing held for an unpaid one, its total for a paid one.
_OFF = """
    WITH lately AS (
        SELECT payment_id, number, status, total, currency, placed_at FROM checkout_order
        WHERE placed_at BETWEEN %(first)s AND %(last)s ORDER BY placed_at DESC LIMIT %(most)s
    ), books AS (
        SELECT lately.*,
            COALESCE((
                SELECT sum(captured) FROM payments_paymentattempt WHERE payment_id = lately.payment_id
            ), 0) AS captured,
            COALESCE((
                SELECT sum(amount) FROM payments_refund
                WHERE payment_id = lately.payment_id AND status <> 'failed'
            ), 0) AS refunded,
            CASE WHEN status IN ('paid', 'shipped', 'delivered') THEN total END AS kept
        FROM lately
    ), compared AS (
        SELECT *, CASE
            WHEN kept IS NULL THEN abs(captured - refunded)
            ELSE abs(captured - kept) + greatest(refunded - captured, 0)
        END AS off FROM books
    )
    SELECT number, status, currency, captured, refunded, placed_at, off FROM compared
    WHERE off > 0 ORDER BY placed_at DESC
"""


@dataclass(frozen=True)
class Discrepancy:
    """An order whose money is not where it belongs; `off` is by how much."""

    number: str
    status: OrderStatus
    currency: str
    captured: Decimal
    refunded: Decimal
    placed_at: datetime
    off: Decimal


def discrepancies(first: datetime, last: datetime, most: int) -> list[Discrepancy]:
    """The orders whose money is off, of the newest `most` that were placed between two moments; newest first.

    One statement, which reads each of these orders.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OFF, {"first": first, "last": last, "most": most})
        return [Discrepancy(number, OrderStatus(status), *others) for number, status, *others in cursor.fetchall()]
