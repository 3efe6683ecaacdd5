"""Products are written in bulk here."""

from collections.abc import Callable, Sequence

from django.db import transaction

from inventory.imports.bulk import BulkWriter
from inventory.imports.product_rows import ProductRow, ProductsWritten
from inventory.services import find_warehouse

WRITTEN_AT_ONCE = 1_000


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
