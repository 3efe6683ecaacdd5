"""Orders whose money does not add up in our own tables: captured, but not due for the order, refunded or disputed.

`checkout.reconciliation` compares with the provider's records.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from checkout.models import OrderStatus

# Money that is still here because its refund failed is owed, and listed as that (`Refund.failed_for_good`).
# `off` is the distance between what an order has kept and what it should keep: its total if paid, else nothing.
_DISCREPANCIES = """
    WITH recent AS (
        SELECT payment_id, number, status, total, currency, placed_at FROM checkout_order
        WHERE placed_at BETWEEN %(first)s AND %(last)s ORDER BY placed_at DESC LIMIT %(limit)s
    ), books AS (
        SELECT recent.*,
            COALESCE((
                SELECT sum(captured) FROM payments_paymentattempt WHERE payment_id = recent.payment_id
            ), 0) AS captured,
            COALESCE((
                SELECT sum(amount) FROM payments_refund
                WHERE payment_id = recent.payment_id AND status <> 'failed'
            ), 0) AS refunded,
            COALESCE((
                SELECT sum(withdrawn) FROM payments_dispute WHERE payment_id = recent.payment_id
            ), 0) AS disputed,
            COALESCE((
                SELECT sum(amount) FROM payments_refund AS failed
                WHERE payment_id = recent.payment_id AND status = 'failed' AND NOT EXISTS (
                    SELECT FROM payments_refund AS later
                    WHERE later.payment_id = failed.payment_id AND later.status <> 'failed'
                        AND later.created_at > failed.created_at
                )
            ), 0) AS failed,
            CASE WHEN status IN ('paid', 'shipped', 'delivered') THEN total END AS kept
        FROM recent
    ), compared AS (
        SELECT *, CASE
            WHEN kept IS NULL AND captured - refunded - disputed BETWEEN 0 AND failed THEN 0
            WHEN kept IS NULL THEN abs(captured - refunded - disputed)
            ELSE abs(captured - kept) + greatest(refunded + disputed - captured, 0)
        END AS off FROM books
    )
    SELECT number, status, currency, captured, refunded, disputed, placed_at, off FROM compared
    WHERE off > 0 ORDER BY placed_at DESC
"""


@dataclass(frozen=True)
class Discrepancy:
    """An order whose money does not add up; `off` is by how much, in `currency`."""

    number: str
    status: OrderStatus
    currency: str
    captured: Decimal
    refunded: Decimal
    disputed: Decimal
    placed_at: datetime
    off: Decimal


def discrepancies(first: datetime, last: datetime, limit: int) -> list[Discrepancy]:
    """Return the discrepancies among the newest `limit` orders placed between two moments, newest first.

    One statement; it reads each of these orders.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DISCREPANCIES, {"first": first, "last": last, "limit": limit})
        return [Discrepancy(number, OrderStatus(status), *others) for number, status, *others in cursor.fetchall()]
