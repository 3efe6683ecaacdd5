"""Stock is counted here, and products are put on sale and taken off it."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory import catalogue
from inventory.exceptions import StockRefused
from inventory.models import Category, Product, ReservationLine, Stock, Warehouse

ADJUST = AuditEvent("stock.adjust", _("counted the stock anew"))
ON_SALE = AuditEvent("product.on_sale", _("put on sale"))
OFF_SALE = AuditEvent("product.off_sale", _("taken off sale"))

PRODUCTS_AT_ONCE = 1_000


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
def refresh_category(category: Category) -> None:
    """Brings what its products repeat of `category` (search words, the cached facts) in step with it."""
    products = list(Product.objects.with_category().filter(category=category).only("sku", "name", "category"))
    for product in products:
        product.refresh_search_text()
    Product.objects.bulk_update(products, ["search_text"], batch_size=PRODUCTS_AT_ONCE)
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
