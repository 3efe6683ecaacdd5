"""Allocation: which warehouse supplies what. Decided on rows read under lock, without queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from inventory.models import Stock

Demand = Mapping[int, int]
"""Product id → total quantity."""


def pick(stocks: Iterable[Stock], free: Mapping[int, int], demand: Demand) -> tuple[dict[int, int], dict[int, int]]:
    """Allocate `demand` to stock rows, lowest priority number first.

    `free` is the available quantity by stock id; inactive warehouses are skipped. Returns the quantity to take by stock
    id, and the available quantity of each product that falls short, by product id.
    """
    rows: dict[int, list[Stock]] = defaultdict(list)
    for stock in sorted(stocks, key=lambda row: (row.warehouse.priority, row.warehouse_id)):
        if stock.warehouse.active:
            rows[stock.product_id].append(stock)
    picks: dict[int, int] = {}
    short: dict[int, int] = {}
    for product_id, quantity in demand.items():
        missing = quantity
        for stock in rows[product_id]:
            taken = min(missing, free[stock.id])
            if taken > 0:
                picks[stock.id] = taken
                missing -= taken
        if missing:
            short[product_id] = quantity - missing
    return picks, short
