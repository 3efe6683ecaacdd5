"""Seeding of the demo shop."""

from django.db import transaction

from inventory import catalogue
from inventory.demo import products
from inventory.imports.product_rows import ProductsWritten
from inventory.imports.services import write_products
from inventory.models import Category, Warehouse


@transaction.atomic
def seed_demo() -> ProductsWritten:
    """Create the demo shop's warehouses, categories and a thousand products with stock. Idempotent."""
    shop = products.vocabulary()["shop"]
    Warehouse.objects.bulk_create([Warehouse(**warehouse) for warehouse in shop["warehouses"]], ignore_conflicts=True)
    Category.objects.bulk_create(
        [Category(position=place, **category) for place, category in enumerate(shop["categories"])],
        ignore_conflicts=True,
    )
    catalogue.forget_categories()
    return write_products(products.demo_rows())
