"""Bulk writes of products and stock, in the transaction of `services.write_products`."""

from collections.abc import Mapping, Sequence

from django.utils import timezone

from inventory import catalogue
from inventory.imports.product_rows import ProductRow, ProductsWritten, distinct_slug
from inventory.models import Category, Product, ReservationLine, Stock, StockChange, Warehouse

PRODUCT_COLUMNS_WRITTEN = [
    "name", "description", "category", "price", "weight_grams", "length_cm", "width_cm", "height_cm", "active",
    "search_text", "updated_at",
]  # fmt: skip


class BulkWriter:
    """Writes batches of rows and counts the results. The number of statements per batch is fixed."""

    def __init__(
        self, rows: Sequence[ProductRow], warehouses: Mapping[str, Warehouse], *, update_stock: bool, dry_run: bool
    ) -> None:
        self.written = ProductsWritten()
        self._warehouses = warehouses
        self._update_stock = update_stock
        self._dry_run = dry_run
        self._categories = self._categories_of(rows)

    def write(self, rows: Sequence[ProductRow]) -> None:
        self._write_stock(rows, self._write_products(rows))

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
        products = {product.sku: product for product in Product.objects.with_category().filter(sku__in=skus)}
        taken = set(Product.objects.filter(slug__in=[row.slug for row in rows]).values_list("slug", flat=True))
        to_write = []
        for row in rows:
            if row.sku not in products:
                slug = row.slug if row.slug not in taken else distinct_slug(row.slug, row.sku)
                taken.add(slug)
                products[row.sku] = row.new_product(slug)
                products[row.sku].category = self._categories.get(row.category_slug)
                self.written.created += 1
            elif self._update_product(products[row.sku], row):
                self.written.changed += 1
            else:
                self.written.unchanged += 1
                continue
            products[row.sku].refresh_search_text()
            to_write.append(products[row.sku])
        if to_write and not self._dry_run:
            Product.objects.bulk_create(
                to_write, update_conflicts=True, unique_fields=["sku"], update_fields=PRODUCT_COLUMNS_WRITTEN
            )
            catalogue.forget_products(product.id for product in to_write)
        return products

    def _update_product(self, product: Product, row: ProductRow) -> bool:
        changed = row.apply_to(product)
        if row.category_slug and (product.category is None or product.category.slug != row.category_slug):
            product.category = self._categories[row.category_slug]
            return True
        return changed

    def _write_stock(self, rows: Sequence[ProductRow], products: Mapping[str, Product]) -> None:
        existing = self._locked_stock(products)
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

    def _locked_stock(self, products: Mapping[str, Product]) -> dict[tuple[str, str], Stock]:
        """Lock the products' stock rows, by SKU and warehouse code. If they may change, ends expired holds."""
        sku_of = {product.id: sku for sku, product in products.items() if product.id}
        rows = Stock.objects.filter(product__in=sku_of, warehouse__in=self._warehouses.values()).locked()
        if self._update_stock and not self._dry_run:
            freed = ReservationLine.objects.end_holds([stock.id for stock in rows], timezone.now())
            for stock in rows:
                stock.reserved -= freed.get(stock.id, 0)
        return {(sku_of[stock.product_id], stock.warehouse.code): stock for stock in rows}
