"""Goods are held, let go, sold and taken back here.

Every verb runs inside the caller's transaction (LockOutsideTransaction where none is open) and takes its locks in the
one order that `models` states. The number of statements does not depend on the number of lines.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from inventory import catalogue
from inventory.allocation import Demand, pick
from inventory.exceptions import InsufficientStock, ReservationExpired, RestockRefused, Shortage
from inventory.models import Product, Reservation, ReservationLine, ReservationStatus, Stock

RECLAIMED_AT_ONCE = 500


def reserve(
    reference: str,
    demand: Demand,
    *,
    expires_at: datetime,
    replacing: str | None = None,
    since: datetime | None = None,
) -> Reservation:
    """Holds `demand` (product id → quantity) for `reference` until `expires_at`, all of it or nothing.

    `since` is the moment that is told of a new reservation: now, where the caller names none.

    What `reference` and `replacing` held before is let go in the same step, so nobody stands in their own way; a
    reference whose hold was released can be used again. Expired holds are reclaimed where they stand in the way.

    Raises InsufficientStock with every shortage, ReservationClosed where `reference` was sold already, ValueError for
    an empty demand or a quantity below one. After a refusal the caller's transaction must be rolled back.
    Two statements where the goods are simply there, three or four where holds end first.
    """
    if not demand or min(demand.values()) < 1:
        raise ValueError("A reservation needs at least one product, and at least one of each.")
    catalogue.forget_availability(demand)
    own = {reference} if replacing is None else {reference, replacing}
    stocks = Stock.objects.of_products_and_references(demand.keys(), own).locked()
    free = {stock.id: stock.on_hand - stock.reserved for stock in stocks}
    picks, short = pick(stocks, free, demand)
    reservation = (
        None if short or replacing else Reservation.objects.hold(reference, picks, since or timezone.now(), expires_at)
    )
    if reservation is None:
        # Not without ending something first: expired holds, or what the shopper held before.
        for stock_id, quantity in ReservationLine.objects.free_on(list(free), timezone.now(), own).items():
            free[stock_id] += quantity
        picks, short = pick(stocks, free, demand)
        if short:
            raise InsufficientStock(_shortages(demand, short))
        reservation = Reservation.objects.hold(reference, picks, since or timezone.now(), expires_at)
        if reservation is None:
            raise RuntimeError(f"{reference} still holds goods that were just let go.")
    return reservation


def _shortages(demand: Demand, short: Mapping[int, int]) -> list[Shortage]:
    skus = dict(Product.objects.filter(id__in=short).values_list("id", "sku"))
    return [
        Shortage(sku=skus.get(product_id, str(product_id)), requested=demand[product_id], available=available)
        for product_id, available in short.items()
    ]


def release(reference: str) -> None:
    """Lets go of what `reference` holds. Does nothing where it holds nothing or was sold. Three statements."""
    stocks = Stock.objects.of_products_and_references([], [reference]).locked()
    catalogue.forget_availability(stock.product_id for stock in stocks)
    ReservationLine.objects.free_on([stock.id for stock in stocks], timezone.now(), [reference])
    Reservation.objects.filter(reference=reference, status=ReservationStatus.HELD).update(
        status=ReservationStatus.RELEASED
    )


def commit(reference: str) -> None:
    """Sells what `reference` holds: it leaves both `reserved` and `on_hand`. Safe to repeat. One statement.

    A hold past its time that nobody reclaimed yet is still good. Raises ReservationExpired where it was released or
    reclaimed, or never existed.
    """
    if Reservation.objects.commit(reference):
        return
    if not Reservation.objects.filter(reference=reference, status=ReservationStatus.COMMITTED).exists():
        raise ReservationExpired


def restock(reference: str, quantities: Demand | None = None) -> None:
    """Committed goods of `reference` come back on hand: those given (product id → quantity), or all that are still out.

    With None it is safe to repeat. Raises RestockRefused, changing nothing, where more would come back than went out.
    Three statements.
    """
    stocks = Stock.objects.of_products_and_references([], [reference]).locked()
    catalogue.forget_availability(stock.product_id for stock in stocks)
    lines = ReservationLine.objects.sold(reference)
    back = _returns(lines, quantities) if quantities is not None else {line.id: line.out for line in lines if line.out}
    if back:
        ReservationLine.objects.put_back(back)


def _returns(lines: list[ReservationLine], quantities: Demand) -> dict[int, int]:
    """How much comes back to each line, filled in the order of the lines."""
    if any(quantity < 0 for quantity in quantities.values()):
        raise ValueError("A quantity that comes back is not negative.")
    by_product: dict[int, list[ReservationLine]] = defaultdict(list)
    for line in lines:
        by_product[line.stock.product_id].append(line)
    back: dict[int, int] = {}
    for product_id, quantity in quantities.items():
        missing = quantity
        for line in by_product[product_id]:
            if taken := min(missing, line.out):
                back[line.id] = taken
                missing -= taken
        if missing:
            raise RestockRefused
    return back


@transaction.atomic
def reclaim_expired(limit: int = RECLAIMED_AT_ONCE) -> int:
    """Ends up to about `limit` expired holds, so that their index stays small; returns how many units it freed.

    Housekeeping: what is free is right without it. Rows that somebody else is working on are left to them.
    """
    now = timezone.now()
    stock_ids = ReservationLine.objects.expired(now).order_by().values_list("stock", flat=True)[:limit]
    stocks = Stock.objects.filter(id__in=set(stock_ids)).locked(skip_locked=True)
    catalogue.forget_availability(stock.product_id for stock in stocks)
    return sum(ReservationLine.objects.free_on([stock.id for stock in stocks], now).values())
