"""Bulk writes of products and stock, in the transaction of `services.write_products`."""

from collections.abc import Iterable, Mapping, Sequence, Set

from django.utils import timezone

from inventory import catalogue
from inventory.imports.product_rows import ProductRow, ProductsWritten, distinct_slug
from inventory.models import Category, Product, ReservationLine, Stock, StockChange, Warehouse


class BulkWriter:
    """Writes batches of rows and counts the results. The number of statements per batch is fixed.

    Unless it is a dry run, it locks all rows that it may change before it reads any: a price or a sale that is written
    meanwhile waits, or is seen, and is never undone.
    """

    def __init__(
        self,
        rows: Sequence[ProductRow],
        warehouses: Mapping[str, Warehouse],
        *,
        update_stock: bool,
        dry_run: bool,
        locks_products: bool = True,
    ) -> None:
        """`locks_products` is False if the caller has locked them already."""
        self.written = ProductsWritten()
        self._warehouses = warehouses
        self._codes = {warehouse.id: code for code, warehouse in warehouses.items()}
        self._update_stock = update_stock
        self._dry_run = dry_run
        if not dry_run:
            self._lock(rows, products=locks_products)
        self._categories = self._categories_of(rows)

    def write(self, rows: Sequence[ProductRow]) -> None:
        self._write_stock(rows, self._write_products(rows))

    def _lock(self, rows: Sequence[ProductRow], *, products: bool) -> None:
        """All batches at once, in the common order: each for itself would be locked in the file's order."""
        known = Product.objects.filter(sku__in=[row.sku for row in rows])
        if products:
            known.only("id").locked()
        if self._update_stock:
            Stock.objects.filter(product__in=known, warehouse__in=self._warehouses.values()).locked()

    def _categories_of(self, rows: Sequence[ProductRow]) -> dict[str, Category]:
        wanted = {row.category_slug: row.category_name for row in rows if row.category_slug}
        existing = {category.slug: category for category in Category.objects.filter(slug__in=wanted)}
        new = [Category(slug=slug, name=name) for slug, name in wanted.items() if slug not in existing]
        for place, category in enumerate(new, start=Category.objects.count()):
            category.position = place
        if new and not self._dry_run:
            Category.objects.bulk_create(new)
            catalogue.forget_categories()
        return existing | {category.slug: category for category in new}

    def _write_products(self, rows: Sequence[ProductRow]) -> dict[str, Product]:
        """Returns the rows' products by SKU."""
        skus = [row.sku for row in rows]
        existing = Product.objects.with_category().filter(sku__in=skus)
        products = {product.sku: product for product in (existing if self._dry_run else existing.locked())}
        taken = _taken_slugs(row.slug for row in rows if row.sku not in products)
        new, changed, columns = [], [], set[str]()
        for row in rows:
            if row.sku not in products:
                slug = row.slug if row.slug not in taken else distinct_slug(row.slug, row.sku)
                taken.add(slug)
                products[row.sku] = row.new_product(slug)
                products[row.sku].category = self._categories.get(row.category_slug)
                new.append(products[row.sku])
            elif differing := self._update_product(products[row.sku], row):
                changed.append(products[row.sku])
                columns |= differing
            else:
                self.written.unchanged += 1
        self.written.created += len(new)
        self.written.changed += len(changed)
        if not self._dry_run:
            # A product that was created under the same SKU meanwhile is left as it is.
            self._upsert(new, {"sku"})
            # Of the columns that only other rows of the batch change, a row gets back what was read under its lock.
            self._upsert(changed, {*columns, "search_text", "updated_at"})
        return products

    def _upsert(self, products: Sequence[Product], columns: Set[str]) -> None:
        for product in products:
            product.refresh_search_text()
        Product.objects.bulk_create(
            products, update_conflicts=True, unique_fields=["sku"], update_fields=sorted(columns)
        )
        catalogue.forget_products(product.id for product in products)

    def _update_product(self, product: Product, row: ProductRow) -> set[str]:
        """Returns the columns that differ."""
        if product.currency != row.currency:
            self.written.price_kept.append(row.sku)
        differing = row.apply_to(product)
        if row.category_slug and (product.category is None or product.category.slug != row.category_slug):
            product.category = self._categories[row.category_slug]
            differing.add("category")
        return differing

    def _write_stock(self, rows: Sequence[ProductRow], products: Mapping[str, Product]) -> None:
        existing = self._stock_of(products)
        new: list[Stock] = []
        changes: list[StockChange] = []
        touched: set[int] = set()
        for row in rows:
            product = products[row.sku]
            for code, quantity in row.stock.items():
                found = existing.get((row.sku, code))
                if found is None:
                    new.append(Stock(product=product, warehouse=self._warehouses[code], on_hand=quantity))
                elif found.on_hand == quantity:
                    continue
                elif self._update_stock and quantity >= found.reserved:
                    changes.append(StockChange(found.id, on_hand=quantity - found.on_hand))
                else:
                    self.written.stock_kept.append(row.sku)
                    continue
                touched.add(product.id)
        self.written.stocked += len(new) + len(changes)
        if not self._dry_run:
            Stock.objects.bulk_create(new)
            Stock.objects.all().change(changes)
            catalogue.forget_availability(touched)

    def _stock_of(self, products: Mapping[str, Product]) -> dict[tuple[str, str], Stock]:
        """The products' stock rows, by SKU and warehouse code; locked and without expired holds if they may change."""
        sku_of = {product.id: sku for sku, product in products.items() if product.id}
        existing = Stock.objects.filter(product__in=sku_of, warehouse__in=self._warehouses.values())
        if self._update_stock and not self._dry_run:
            rows = existing.locked()
            freed = ReservationLine.objects.end_holds([stock.id for stock in rows], timezone.now())
            for stock in rows:
                stock.reserved -= freed.get(stock.id, 0)
        else:
            rows = list(existing)
        return {(sku_of[stock.product_id], self._codes[stock.warehouse_id]): stock for stock in rows}


def _taken_slugs(wanted: Iterable[str]) -> set[str]:
    """Those of the slugs that products have. No statement if none is wanted."""
    slugs = list(wanted)
    return set(Product.objects.filter(slug__in=slugs).values_list("slug", flat=True)) if slugs else set()
