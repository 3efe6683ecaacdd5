"""Reserve, release, commit and restock.

Every function except `reclaim_expired` runs in the caller's transaction (LockOutsideTransaction if none is open). Locks
are taken in the order given in `inventory.models`. The number of statements does not depend on the number of lines.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from inventory import catalogue
from inventory.allocation import Demand, UnpaidBound, near_the_bound, pick
from inventory.exceptions import (
    InsufficientStock,
    ReservationClosed,
    ReservationExpired,
    RestockRefused,
    Shortage,
    UnpaidBoundReached,
)
from inventory.models import Hold, Product, Reservation, ReservationLine, ReservationStatus, Stock

RECLAIM_BATCH = 500


def reserve(
    reference: str,
    demand: Demand,
    *,
    expires_at: datetime,
    replacing: str | None = None,
    since: datetime | None = None,
    unpaid: UnpaidBound | None = None,
) -> Reservation:
    """Reserve `demand` (product id → quantity) for `reference` until `expires_at`, all or nothing.

    `since` is a new reservation's creation time, now by default. `unpaid` marks the hold as one that waits for its
    shopper to pay, and bounds all such holds together.

    Earlier holds of `reference` and `replacing` are released in the same step, so a shopper does not compete with their
    own hold; a released reference can be reused. Expired holds are reclaimed if the stock is needed.

    Raises InsufficientStock with every shortage, UnpaidBoundReached, ReservationClosed if `reference` was committed,
    ValueError for an empty demand or a quantity below one. After a refusal the caller must roll its transaction back.
    One statement if enough stock is available, three if holds must end first; two more where so much is reserved that
    `unpaid` might be exceeded.
    """
    if not demand or min(demand.values()) < 1:
        raise ValueError("A reservation needs at least one product, and at least one of each.")
    own = {reference} if replacing is None else {reference, replacing}
    hold = partial(
        Stock.objects.hold, reference, demand, since or timezone.now(), expires_at, unpaid=unpaid is not None
    )
    reservation = None
    if replacing:
        stocks = Stock.objects.lock_of_products_and_references(demand.keys(), own)
    else:
        reservation, free, stocks = hold(bound=unpaid)
        if reservation:
            _show_what_is_left(reservation, free, demand)
            return reservation
    catalogue.forget_availability(demand)
    if unpaid and not (replacing or pick(stocks, _free(stocks), demand)[1]):
        _check_unpaid(stocks, demand, unpaid, own)
        reservation = hold(reuse=True).reservation
    return reservation or _hold_after_ending(stocks, demand, own, unpaid, hold)


def _show_what_is_left(reservation: Reservation, free: Mapping[int, int], demand: Demand) -> None:
    # Its number was drawn under the locks of all stock rows of these products, so whoever locks them later has a
    # greater one. One that is reused has not, but then this is not called.
    catalogue.change_availability(reservation.id, free)
    catalogue.forget_availability(demand.keys() - free.keys())


def _free(stocks: list[Stock]) -> dict[int, int]:
    return {stock.id: stock.on_hand - stock.reserved for stock in stocks}


def _hold_after_ending(
    stocks: list[Stock], demand: Demand, own: set[str], unpaid: UnpaidBound | None, hold: Callable[..., Hold]
) -> Reservation:
    """End expired holds and the shopper's own earlier ones, then `hold`; `stocks` are locked."""
    free = _free(stocks)
    for stock_id, quantity in ReservationLine.objects.end_holds(list(free), timezone.now(), own).items():
        free[stock_id] += quantity
    _picks, short = pick(stocks, free, demand)
    if short:
        raise InsufficientStock(_shortages(demand, short))
    if unpaid:
        _check_unpaid(stocks, demand, unpaid, own)
    reservation = hold(reuse=True).reservation
    if reservation is None:
        raise ReservationClosed
    return reservation


def _check_unpaid(stocks: list[Stock], demand: Demand, bound: UnpaidBound, own: Collection[str]) -> None:
    """Raise UnpaidBoundReached if unpaid holds would exceed `bound`. At most one statement; `stocks` are locked."""
    rooms = near_the_bound(stocks, demand, bound)
    if not rooms:
        return
    held = ReservationLine.objects.unpaid_units(rooms.keys(), timezone.now(), besides=own)
    if any(held.get(product_id, 0) + demand[product_id] > room for product_id, room in rooms.items()):
        raise UnpaidBoundReached


def await_payment(reference: str, bound: UnpaidBound) -> None:
    """Mark the hold of `reference` as one that waits for its shopper to pay. Does nothing if it has none.

    Raises UnpaidBoundReached, changing nothing, as `reserve` does. Three statements, or four.
    """
    stocks = Stock.objects.of_products_reserved_for(reference).locked()
    product_of = {stock.id: stock.product_id for stock in stocks}
    mine = ReservationLine.objects.filter(reservation__reference=reference, held=True)
    demand: dict[int, int] = defaultdict(int)
    for stock_id, quantity in mine.values_list("stock", "quantity"):
        demand[product_of[stock_id]] += quantity
    _check_unpaid(stocks, demand, bound, [reference])
    mine.update(unpaid=True)


def _shortages(demand: Demand, short: Mapping[int, int]) -> list[Shortage]:
    skus = dict(Product.objects.filter(id__in=short).values_list("id", "sku"))
    return [
        Shortage(sku=skus.get(product_id, str(product_id)), requested=demand[product_id], available=available)
        for product_id, available in short.items()
    ]


def release(reference: str) -> None:
    """Release the hold of `reference`. Does nothing if it has none or was committed. Three statements."""
    stocks = Stock.objects.lock_of_products_and_references([], [reference])
    catalogue.forget_availability(stock.product_id for stock in stocks)
    ReservationLine.objects.end_holds([stock.id for stock in stocks], timezone.now(), [reference])
    Reservation.objects.filter(reference=reference, status=ReservationStatus.HELD).update(
        status=ReservationStatus.RELEASED
    )


def commit(reference: str) -> None:
    """Commit the hold of `reference`: its units leave both `reserved` and `on_hand`. Idempotent. One statement.

    An expired hold that was not reclaimed yet can still be committed. Raises ReservationExpired if the hold was
    released or reclaimed, or never existed.
    """
    if Reservation.objects.commit(reference):
        return
    if not Reservation.objects.filter(reference=reference, status=ReservationStatus.COMMITTED).exists():
        raise ReservationExpired


def restock(reference: str, quantities: Demand | None = None, *, up_to: bool = False) -> None:
    """Return committed units of `reference` to stock: `quantities` (product id → quantity), or all still out.

    Idempotent if `quantities` is None. Raises RestockRefused, changing nothing, for more units than are still out;
    with `up_to` those that are still out return. Three statements.
    """
    stocks = Stock.objects.lock_of_products_and_references([], [reference])
    catalogue.forget_availability(stock.product_id for stock in stocks)
    lines = ReservationLine.objects.committed(reference)
    back = (
        _returns(lines, quantities, up_to)
        if quantities is not None
        else {line.id: line.out for line in lines if line.out}
    )
    if back:
        ReservationLine.objects.restock(back)


def _returns(lines: list[ReservationLine], quantities: Demand, up_to: bool) -> dict[int, int]:
    """Units to return by line id; the lines of a product are filled in order."""
    if any(quantity < 0 for quantity in quantities.values()):
        raise ValueError("A quantity to restock cannot be negative.")
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
        if missing and not up_to:
            raise RestockRefused
    return back


@transaction.atomic
def reclaim_expired(limit: int = RECLAIM_BATCH) -> int:
    """End about `limit` expired holds, to keep their index small; returns the number of units freed.

    Housekeeping only: availability is correct without it. Skips stock rows locked by others.
    """
    now = timezone.now()
    stock_ids = ReservationLine.objects.expired(now).order_by().values_list("stock", flat=True)[:limit]
    stocks = Stock.objects.filter(id__in=set(stock_ids)).locked(skip_locked=True)
    catalogue.forget_availability(stock.product_id for stock in stocks)
    return sum(ReservationLine.objects.end_holds([stock.id for stock in stocks], now).values())
