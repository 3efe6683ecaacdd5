"""Bulk import of products."""

from collections.abc import Callable, Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from inventory.imports import identity
from inventory.imports.bulk import BulkWriter
from inventory.imports.product_rows import ProductRow, ProductsWritten
from inventory.imports.report import Catalogue
from inventory.models import Product
from inventory.services import find_warehouse

IMPORT = AuditEvent("product.import", _("imported products"))

BATCH_SIZE = 1_000


@transaction.atomic
def import_catalogue(
    catalogue: Catalogue,
    *,
    update_stock: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> ProductsWritten:
    """Write a file's rows with `write_products`, under the SKUs that earlier imports gave them, and record it.

    Adds what it assumes of SKUs to the catalogue.
    """
    products = Product.objects.filter(sku__in=identity.skus_to_look_up(catalogue.rows)).only("sku", "slug", "name")
    found = products if dry_run else products.locked()
    existing = {product.sku: identity.Known(product.slug, product.name) for product in found}
    catalogue.rows, assumed = identity.settle(catalogue.rows, existing)
    catalogue.assume(assumed)
    written = _write(
        catalogue.rows, update_stock=update_stock, dry_run=dry_run, locks_products=False, progress=progress
    )
    if not dry_run:
        counts = {
            "created": written.created,
            "changed": written.changed,
            "unchanged": written.unchanged,
            "stocked": written.stocked,
            "refused": len(catalogue.problems),
            **{f"assumed: {subject}": count for subject, count in catalogue.counts().items()},
        }
        audit.record(None, IMPORT, Product, reason=catalogue.file, after=counts)
    return written


@transaction.atomic
def write_products(
    rows: Sequence[ProductRow],
    *,
    update_stock: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> ProductsWritten:
    """Create or update products by SKU, in bulk, all or nothing. Idempotent.

    Sets the stock of products that have no stock row in that warehouse yet. Existing stock may have been sold from
    since, so it is kept and reported in `stock_kept`, unless `update_stock` is set (but never below what is reserved).
    `progress` is called with the number of rows done. With `dry_run` the result is the same but nothing is written.
    Raises StockRefused for an unknown warehouse.
    """
    return _write(rows, update_stock=update_stock, dry_run=dry_run, locks_products=True, progress=progress)


def _write(
    rows: Sequence[ProductRow],
    *,
    update_stock: bool,
    dry_run: bool,
    locks_products: bool,
    progress: Callable[[int], None],
) -> ProductsWritten:
    """`locks_products`: unless the caller holds the locks of all products that the rows may change."""
    warehouses = {code: find_warehouse(code) for code in {code for row in rows for code in row.stock}}
    writer = BulkWriter(rows, warehouses, update_stock=update_stock, dry_run=dry_run, locks_products=locks_products)
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows[start : start + BATCH_SIZE]
        writer.write(batch)
        progress(start + len(batch))
    return writer.written
