"""Cache invalidation and search text after a product, category or stock row is saved (mostly in the admin).

Bulk writes send no signals; they call `catalogue.forget_products` themselves.
"""

from typing import Any

from inventory import catalogue, services
from inventory.models import Category, Product, Stock


def product_changed(instance: Product, **_kwargs: Any) -> None:
    catalogue.forget_products([instance.id])


def stock_changed(instance: Stock, **_kwargs: Any) -> None:
    catalogue.forget_availability([instance.product_id])


def category_changed(instance: Category, created: bool = False, **_kwargs: Any) -> None:
    catalogue.forget_categories()
    if not created:
        services.refresh_category(instance)


def category_deleted(**_kwargs: Any) -> None:
    catalogue.forget_categories()
