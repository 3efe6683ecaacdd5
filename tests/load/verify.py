"""Every counted order is checked in PostgreSQL: it exists, is paid in full, and has its lines."""

import time
from collections.abc import Mapping

import psycopg

_GOOD = """
SELECT o.number
FROM unnest(%(numbers)s::text[], %(lines)s::integer[]) AS told (number, lines)
JOIN checkout_order AS o ON o.number = told.number
JOIN payments_payment AS payment ON payment.id = o.payment_id
WHERE o.status = 'paid' AND payment.status = 'paid' AND payment.amount = o.total
  AND o.total = (SELECT sum(captured) FROM payments_paymentattempt WHERE payment_id = payment.id)
  AND told.lines = (SELECT count(*) FROM checkout_orderline WHERE order_id = o.id)
  AND o.subtotal = (SELECT sum(line_total) FROM checkout_orderline WHERE order_id = o.id)
"""
_SOLD = """
SELECT coalesce(sum(line.quantity), 0) FROM checkout_orderline AS line
JOIN checkout_order AS o ON o.id = line.order_id WHERE o.status = 'paid'
"""


def good_orders(database_url: str, lines: Mapping[str, int]) -> set[str]:
    """The orders (of number → lines put into its cart) that pass every check."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(_GOOD, {"numbers": list(lines), "lines": list(lines.values())})
        return {number for (number,) in rows}


def units_sold_twice(database_url: str, on_hand_at_start: int) -> int:
    """How many more units paid orders contain than the stock has lost."""
    with psycopg.connect(database_url) as connection:
        (sold,) = connection.execute(_SOLD).fetchone() or (0,)
        return int(sold) - (on_hand_at_start - on_hand(database_url))


def on_hand(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        (units,) = connection.execute("SELECT sum(on_hand) FROM inventory_stock").fetchone() or (0,)
        return int(units)


def wait_for_mails(database_url: str, seconds: float = 90) -> int:
    """Wait until all mails are sent; returns the number of messages left after `seconds`."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(database_url, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM checkout_outboxmessage WHERE sent_at IS NULL").fetchone()
            left = int(row[0]) if row else 0
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.2)
