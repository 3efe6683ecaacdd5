"""What the inventory does: hold goods, let them go, sell them, take them back, count them.

Every verb on reservations runs inside the caller's transaction (LockOutsideTransaction where none is open) and takes
its locks in the one order that `models` states. The number of statements does not depend on the number of lines.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.accounts.roles import ROLES
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory import catalogue
from inventory.allocation import Demand, pick
from inventory.demo import products as demo
from inventory.exceptions import (
    InsufficientStock,
    ReservationExpired,
    RestockRefused,
    Shortage,
    StockRefused,
)
from inventory.imports.bulk import BulkWriter
from inventory.imports.product_rows import ProductRow, ProductsWritten
from inventory.models import Category, Product, Reservation, ReservationLine, Stock, Warehouse

ADJUST = AuditEvent("stock.adjust", _("counted the stock anew"))
ON_SALE = AuditEvent("product.on_sale", _("put on sale"))
OFF_SALE = AuditEvent("product.off_sale", _("taken off sale"))

RECLAIMED_AT_ONCE = 500
WRITTEN_AT_ONCE = 1_000
DEMO_ADMIN = "admin@esteira.example"


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
    Reservation.objects.filter(reference=reference, status=Reservation.Status.HELD).update(
        status=Reservation.Status.RELEASED
    )


def commit(reference: str) -> None:
    """Sells what `reference` holds: it leaves both `reserved` and `on_hand`. Safe to repeat. One statement.

    A hold past its time that nobody reclaimed yet is still good. Raises ReservationExpired where it was released or
    reclaimed, or never existed.
    """
    if Reservation.objects.commit(reference):
        return
    if not Reservation.objects.filter(reference=reference, status=Reservation.Status.COMMITTED).exists():
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


@transaction.atomic
def set_stock(
    sku: str,
    quantity: int,
    warehouse_code: str | None = None,
    *,
    seen: int | None = None,
    reason: str = "",
    by: Actor = None,
) -> Stock:
    """Sets how many of `sku` lie in the warehouse (without a code: the active one with the lowest priority number).

    `seen` is what whoever counted believed to be there before: where the number has moved on since, nothing is set.
    Locks the stock row; the audit log tells `reason` and `by`. Raises StockRefused, saying why, for an unknown product
    or warehouse, a negative quantity, or one below what live holds have promised to shoppers.
    """
    if not 0 <= quantity <= 2_147_483_647:
        raise StockRefused(_("A stock of %(quantity)s is not possible.") % {"quantity": quantity})
    product = Product.objects.filter(sku=sku).first()
    if product is None:
        raise StockRefused(_("There is no product with the SKU %(sku)s.") % {"sku": sku})
    row, _created = Stock.objects.get_or_create(product=product, warehouse=find_warehouse(warehouse_code))
    (stock,) = Stock.objects.filter(id=row.id).locked()
    freed = ReservationLine.objects.free_on([stock.id], timezone.now())
    stock.reserved -= freed.get(stock.id, 0)
    if seen is not None and seen != stock.on_hand:
        raise StockRefused(
            _("Meanwhile %(on_hand)s are on hand, not %(seen)s: goods were sold or counted. Look again, then save.")
            % {"on_hand": stock.on_hand, "seen": seen}
        )
    if quantity < stock.reserved:
        raise StockRefused(
            _("%(sku)s cannot be set to %(quantity)s: %(reserved)s are held for shoppers who are paying.")
            % {"sku": sku, "quantity": quantity, "reserved": stock.reserved}
        )
    was, stock.on_hand, stock.product = stock.on_hand, quantity, product
    stock.save(update_fields=["on_hand"])
    audit.record(by, ADJUST, stock, reason=reason, before={"on_hand": was}, after={"on_hand": quantity})
    catalogue.forget_availability([product.id])
    return stock


@transaction.atomic
def set_active(products: QuerySet[Product], *, active: bool, by: Actor = None) -> int:
    """Put products on sale or take them off; returns how many that changed. Locks their rows."""
    verb = ON_SALE if active else OFF_SALE
    changed = list(products.exclude(active=active).order_by("pk").select_for_update(of=("self",)))
    for product in changed:  # one by one, so that each drops what is remembered of it
        product.active = active
        product.save(update_fields=["active", "updated_at"])
        audit.record(by, verb, product)
    return len(changed)


@transaction.atomic
def write_products(
    rows: Sequence[ProductRow],
    *,
    update_stock: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> ProductsWritten:
    """Creates or updates the products with these SKUs, in bulk, all or nothing; safe to repeat.

    A quantity becomes stock where the product has none in that warehouse yet. Stock that is there has been sold from
    since, so it is left alone and named in the answer, unless `update_stock` is set (even then not below what is held).
    `progress` is told how many rows are done. With `dry_run` the answer is the same and nothing is written.
    Raises StockRefused for an unknown warehouse.
    """
    warehouses = {code: find_warehouse(code) for code in {code for row in rows for code in row.stock}}
    writer = BulkWriter(rows, warehouses, update_stock=update_stock, dry_run=dry_run)
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        batch = rows[start : start + WRITTEN_AT_ONCE]
        writer.write(batch)
        progress(start + len(batch))
    return writer.written


def demo_clerk(role: str) -> str:
    """The address of the demo's staff user who has just this role."""
    return f"{role}@{DEMO_ADMIN.partition('@')[2]}"


@transaction.atomic
def seed_demo(password: str) -> tuple[ProductsWritten, bool]:
    """Fills the demo shop: warehouses, categories, a thousand products with stock, staff of each role. Safe to repeat.

    Returns what was written, and whether the staff are new; those that are there keep their passwords.
    """
    Warehouse.objects.bulk_create(
        [Warehouse(**warehouse) for warehouse in demo.vocabulary()["shop"]["warehouses"]], ignore_conflicts=True
    )
    categories = demo.vocabulary()["shop"]["categories"]
    Category.objects.bulk_create(
        [Category(position=place, **category) for place, category in enumerate(categories)], ignore_conflicts=True
    )
    catalogue.forget_categories()
    written = write_products(demo.demo_rows())
    users = get_user_model()._default_manager
    if users.filter(email=DEMO_ADMIN).exists():
        return written, False
    admin = users.create_superuser(email=DEMO_ADMIN, password=password)
    for group in Group.objects.filter(name__in=ROLES):
        # The same password, hashed once: that takes longer than all the rest.
        clerk = users.create(email=demo_clerk(group.name), password=admin.password, is_staff=True)
        clerk.groups.add(group)
    return written, True


@transaction.atomic
def refresh_category(category: Category) -> None:
    """Brings what its products repeat of `category` (search words, the cached facts) in step with it."""
    products = list(Product.objects.with_category().filter(category=category).only("sku", "name", "category"))
    for product in products:
        product.refresh_search_text()
    Product.objects.bulk_update(products, ["search_text"], batch_size=WRITTEN_AT_ONCE)
    catalogue.forget_products(product.id for product in products)


def find_warehouse(code: str | None) -> Warehouse:
    """The warehouse with this code, or without one the active warehouse that goods leave first. Raises StockRefused."""
    if code is None:
        warehouse = Warehouse.objects.by_priority().first()
        if warehouse is None:
            raise StockRefused(_("There is no active warehouse yet. Make one in the admin, or run seed_demo."))
        return warehouse
    warehouse = Warehouse.objects.filter(code=code).first()
    if warehouse is None:
        raise StockRefused(_("There is no warehouse with the code %(code)s.") % {"code": code})
    return warehouse
