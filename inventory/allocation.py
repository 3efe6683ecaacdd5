"""Which warehouse sells what: a decision on rows that were read under lock, without a query of its own."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from inventory.models import Stock

Demand = Mapping[int, int]
"""Product id → quantity, already summed per product."""


def pick(stocks: Iterable[Stock], free: Mapping[int, int], demand: Demand) -> tuple[dict[int, int], dict[int, int]]:
    """Spreads `demand` over stock rows, the warehouse with the lowest priority number first.

    `free` is what each stock row can give, by its id; rows of inactive warehouses give nothing.
    Returns the quantity to take by stock id, and for each product that falls short what could be had of it.
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
