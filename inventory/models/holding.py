"""The statement that takes stock: `Stock.objects.hold`.

All in one: whoever wants the same products waits from the lock until the commit, so no answer must travel to us and no
other statement back in between.

What is free is decided on the rows as they are once locked. All else is seen as it was when the statement began, maybe
long before. A plain UPDATE would therefore put the sum of an outdated row before the check constraint and fail for
nothing; ON CONFLICT DO UPDATE always adds to the row as it is now, whoever has locked it or not, so the constraint
stands behind the lock as ever. And a reference is reused only if its rows were locked before.

A tenth of the arrays' estimated ten elements is what the planner expects behind a LIMIT that it does not know. So the
plan for any arrays costs no more than one for these, and the server keeps it; else it would plan anew each time.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class UnpaidBound:
    """How much of a product may be held for orders that wait for their shopper to pay: a share of what is on hand in
    all open warehouses, and `at_least` so many units."""

    share: float
    at_least: int

    def units_of(self, on_hand: int) -> int:
        return max(int(self.share * on_hand), self.at_least)


SQL = """
WITH wanted AS MATERIALIZED (
    SELECT product_id, quantity
    FROM unnest(%(products)s::bigint[], %(quantities)s::integer[]) AS product (product_id, quantity)
    LIMIT cardinality(%(products)s::bigint[])
), locked AS MATERIALIZED (
    SELECT stock.id, stock.product_id, stock.warehouse_id, stock.on_hand, stock.reserved,
        warehouse.active, warehouse.priority
    FROM inventory_stock AS stock JOIN inventory_warehouse AS warehouse ON warehouse.id = stock.warehouse_id
    WHERE stock.id IN (
        SELECT wanted_stock.id FROM wanted JOIN inventory_stock AS wanted_stock USING (product_id)
        UNION
        SELECT line.stock_id FROM inventory_reservationline AS line
        JOIN inventory_reservation AS reservation ON reservation.id = line.reservation_id
        WHERE reservation.reference = %(reference)s
    )
    ORDER BY stock.id FOR UPDATE OF stock
), queue AS (
    SELECT locked.id AS stock_id, product_id, warehouse_id, on_hand - reserved AS free,
        quantity - COALESCE(sum(on_hand - reserved) OVER (
        PARTITION BY product_id ORDER BY priority, warehouse_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS missing
    FROM locked JOIN wanted USING (product_id) WHERE active
), picked AS MATERIALIZED (
    SELECT stock_id, product_id, warehouse_id, LEAST(free, missing)::integer AS quantity
    FROM queue WHERE free > 0 AND missing > 0
), levels AS (
    SELECT product_id, COALESCE(sum(on_hand) FILTER (WHERE active), 0) AS on_hand, sum(reserved) AS reserved
    FROM locked GROUP BY product_id
), held AS (
    INSERT INTO inventory_reservation AS reservation (reference, status, expires_at, created_at)
    SELECT %(reference)s, 'held', %(expires_at)s, %(since)s
    WHERE (SELECT sum(quantity) FROM picked) = (SELECT sum(quantity) FROM wanted)
    AND (%(at_least)s::integer IS NULL OR NOT EXISTS (
        SELECT 1 FROM levels JOIN wanted USING (product_id)
        WHERE reserved + quantity > GREATEST(floor(%(share)s::float8 * on_hand), %(at_least)s::integer)
    ))
    ON CONFLICT (reference) DO UPDATE SET status = 'held', expires_at = excluded.expires_at
    WHERE %(reuse)s AND reservation.status = 'released' AND NOT EXISTS (
        -- Lines of an expired hold on stock rows that were not locked since.
        SELECT 1 FROM inventory_reservationline AS line WHERE line.reservation_id = reservation.id AND line.held
    )
    RETURNING id, created_at
), lines AS (
    INSERT INTO inventory_reservationline (reservation_id, stock_id, quantity, returned, held, unpaid, expires_at)
    SELECT held.id, stock_id, quantity, 0, true, %(unpaid)s, %(expires_at)s FROM held, picked
), stock AS (
    INSERT INTO inventory_stock AS stock (id, product_id, warehouse_id, on_hand, reserved)
    SELECT stock_id, product_id, warehouse_id, quantity, quantity FROM held, picked
    ON CONFLICT (id) DO UPDATE SET reserved = stock.reserved + excluded.reserved
)
SELECT held.id, held.created_at, EXISTS (
    SELECT 1 FROM inventory_reservationline AS line
    WHERE line.stock_id = locked.id AND line.held AND line.expires_at <= %(since)s
), locked.* FROM locked LEFT JOIN held ON true
"""
