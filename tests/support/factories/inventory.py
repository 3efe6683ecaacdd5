"""Products, warehouses and stock for every suite.

product = ProductFactory(stock=5)                 five units in the warehouse "principal"
product = ProductFactory(stock={"recife": 2})     two units in the warehouse "recife"
"""

from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from inventory.models import Category, Product, Stock, Warehouse


class CategoryFactory(DjangoModelFactory):
    class Meta:
        model = Category
        django_get_or_create = ("slug",)

    name = factory.Sequence(lambda n: f"Categoria {n}")
    slug = factory.Sequence(lambda n: f"categoria-{n}")
    position = factory.Sequence(int)


class WarehouseFactory(DjangoModelFactory):
    class Meta:
        model = Warehouse
        django_get_or_create = ("code",)

    code = "principal"
    name = factory.LazyAttribute(lambda warehouse: warehouse.code.title())
    postal_code = "07750000"
    street = "Rodovia Anhanguera"
    street_number = "km 38"
    district = "Jordanésia"
    city = "Cajamar"
    state = "SP"
    priority = 0


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product
        skip_postgeneration_save = True

    sku = factory.Sequence(lambda n: f"SKU-{n:05}")
    slug = factory.Sequence(lambda n: f"produto-{n:05}")
    name = factory.Sequence(lambda n: f"Produto {n}")
    description = "Feito para os testes."
    category = None
    price = Decimal("49.90")
    weight_grams = 500
    length_cm = 20
    width_cm = 15
    height_cm = 10

    @factory.post_generation
    def stock(self, create: bool, extracted: int | dict[str, int] | None, **_kwargs: Any) -> None:
        if not create or extracted is None:
            return
        quantities = extracted if isinstance(extracted, dict) else {"principal": extracted}
        for code, quantity in quantities.items():
            StockFactory(product=self, warehouse__code=code, on_hand=quantity)


class StockFactory(DjangoModelFactory):
    class Meta:
        model = Stock

    product = factory.SubFactory(ProductFactory)
    warehouse = factory.SubFactory(WarehouseFactory)
    on_hand = 10
