"""Bulk import of products."""

from collections.abc import Callable, Sequence

from django.db import transaction

from inventory.imports.bulk import BulkWriter
from inventory.imports.product_rows import ProductRow, ProductsWritten
from inventory.services import find_warehouse

BATCH_SIZE = 1_000


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
    warehouses = {code: find_warehouse(code) for code in {code for row in rows for code in row.stock}}
    writer = BulkWriter(rows, warehouses, update_stock=update_stock, dry_run=dry_run)
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows[start : start + BATCH_SIZE]
        writer.write(batch)
        progress(start + len(batch))
    return writer.written
