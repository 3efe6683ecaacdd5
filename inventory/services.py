"""Set stock, and put products on or off sale."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory import catalogue
from inventory.exceptions import StockRefused
from inventory.models import Category, Product, ProductQuerySet, ReservationLine, Stock, Warehouse

ADJUST = AuditEvent("stock.adjust", _("adjusted the stock"))
ON_SALE = AuditEvent("product.on_sale", _("put on sale"))
OFF_SALE = AuditEvent("product.off_sale", _("taken off sale"))

BATCH_SIZE = 1_000


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
    """Set the on-hand quantity of `sku` in a warehouse (by default the active one with the lowest priority number).

    `seen` is the on-hand quantity the editor saw: if it has changed since, the update is refused. Locks the stock row
    and records `reason` and `by` in the audit log. Raises StockRefused, with the reason, for that, for an unknown
    product or warehouse, and for a quantity that is negative or below the live holds.
    """
    if not 0 <= quantity <= 2_147_483_647:
        raise StockRefused(_("Stock cannot be %(quantity)s.") % {"quantity": quantity})
    product = Product.objects.filter(sku=sku).first()
    if product is None:
        raise StockRefused(_("There is no product with the SKU %(sku)s.") % {"sku": sku})
    row, _created = Stock.objects.get_or_create(product=product, warehouse=find_warehouse(warehouse_code))
    (stock,) = Stock.objects.filter(id=row.id).locked()
    freed = ReservationLine.objects.end_holds([stock.id], timezone.now())
    stock.reserved -= freed.get(stock.id, 0)
    if seen is not None and seen != stock.on_hand:
        raise StockRefused(
            _("There are now %(on_hand)s on hand, not %(seen)s: the stock has changed. Check it, then save again.")
            % {"on_hand": stock.on_hand, "seen": seen}
        )
    if quantity < stock.reserved:
        raise StockRefused(
            _("%(sku)s cannot be set to %(quantity)s: %(reserved)s are reserved for shoppers who are paying.")
            % {"sku": sku, "quantity": quantity, "reserved": stock.reserved}
        )
    was, stock.on_hand, stock.product = stock.on_hand, quantity, product
    stock.save(update_fields=["on_hand"])
    audit.record(by, ADJUST, stock, reason=reason, before={"on_hand": was}, after={"on_hand": quantity})
    catalogue.forget_availability([product.id])
    return stock


@transaction.atomic
def set_active(products: ProductQuerySet, *, active: bool, by: Actor = None) -> int:
    """Put products on or off sale; returns how many changed. Locks their rows."""
    event = ON_SALE if active else OFF_SALE
    changed = products.exclude(active=active).locked()
    for product in changed:  # save each: the signal drops its cache entries
        product.active = active
        product.save(update_fields=["active", "updated_at"])
        audit.record(by, event, product)
    return len(changed)


@transaction.atomic
def refresh_category(category: Category) -> None:
    """Update what its products copy from `category`: search text and cached facts. Locks their rows."""
    products = Product.objects.with_category().filter(category=category).only("sku", "name", "category").locked()
    for product in products:
        product.refresh_search_text()
    Product.objects.bulk_update(products, ["search_text"], batch_size=BATCH_SIZE)
    catalogue.forget_products(product.id for product in products)


def find_warehouse(code: str | None) -> Warehouse:
    """The warehouse with this code, by default the active one with the lowest priority number. Raises StockRefused."""
    if code is None:
        warehouse = Warehouse.objects.by_priority().first()
        if warehouse is None:
            raise StockRefused(_("There is no active warehouse yet. Create one in the admin, or run seed_demo."))
        return warehouse
    warehouse = Warehouse.objects.filter(code=code).first()
    if warehouse is None:
        raise StockRefused(_("There is no warehouse with the code %(code)s.") % {"code": code})
    return warehouse
