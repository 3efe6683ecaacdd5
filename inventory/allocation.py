"""Allocation: which warehouse supplies what. Decided on rows read under lock, without queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from inventory.models import Stock
from inventory.models import UnpaidBound as UnpaidBound

Demand = Mapping[int, int]
"""Product id → total quantity."""


def near_the_bound(stocks: Iterable[Stock], demand: Demand, bound: UnpaidBound) -> dict[int, int]:
    """The room that unpaid holds have, by id of the products for which `demand` might exceed it; the holds themselves
    are not deducted.

    Unpaid holds are part of `reserved`: where that leaves room enough, nothing else need be read.
    """
    on_hand: dict[int, int] = defaultdict(int)
    reserved: dict[int, int] = defaultdict(int)
    for stock in stocks:
        if stock.warehouse.active:
            on_hand[stock.product_id] += stock.on_hand
        reserved[stock.product_id] += stock.reserved
    rooms = {product_id: bound.units_of(on_hand[product_id]) for product_id in demand}
    return {
        product_id: rooms[product_id]
        for product_id, quantity in demand.items()
        if reserved[product_id] + quantity > rooms[product_id]
    }


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
