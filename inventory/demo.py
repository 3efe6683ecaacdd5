"""The demo shop: a thousand products of a Brazilian house, made from a small vocabulary, the same every time."""

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from itertools import chain, islice, product, zip_longest
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from inventory.product_rows import ProductRow

PRODUCTS = 1_000


@cache
def vocabulary() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "demo_catalogue.toml").read_text("utf-8"))


def demo_rows() -> list[ProductRow]:
    """Every product, the fixed ones last, so that the catalogue, newest first, begins with them."""
    fixed = [_fixed_row(entry) for entry in vocabulary()["fixed"]]
    kinds = [_rows_of(kind) for kind in vocabulary()["kind"]]
    # One of each kind in turn: neighbours in the catalogue are of different kinds.
    mixed = (row for row in chain.from_iterable(zip_longest(*kinds)) if row is not None)
    return [*islice(mixed, PRODUCTS - len(fixed)), *fixed]


def _rows_of(kind: dict[str, Any]) -> Iterator[ProductRow]:
    for (place, style), variant in product(enumerate(kind["styles"]), kind["variants"]):
        name = f"{kind['name']} {style} {variant}"
        number = _number(name)
        yield _row(
            kind,
            sku=slugify(f"{kind['sku']} {style} {variant}").upper(),
            name=name,
            price=_price(Decimal(str(kind["price"])) + place * Decimal(str(kind["step"])), number),
            stock=_stock(number),
        )


def _fixed_row(entry: dict[str, Any]) -> ProductRow:
    return _row(
        entry,
        sku=entry["sku"],
        name=entry["name"],
        price=Decimal(entry["price"]),
        stock={"cajamar": 500, "recife": 300},
    )


def _row(entry: dict[str, Any], *, sku: str, name: str, price: Decimal, stock: dict[str, int]) -> ProductRow:
    categories = {category["slug"]: category["name"] for category in vocabulary()["categories"]}
    weight, length, width, height = entry["size"]
    return ProductRow(
        sku=sku,
        slug=slugify(name),
        name=name,
        price=price,
        description=entry["description"],
        category_slug=entry["category"],
        category_name=categories[entry["category"]],
        weight_grams=weight,
        size_cm=(length, width, height),
        stock=stock,
    )


def _number(name: str) -> int:
    """A number that looks random and depends on nothing but the name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest())


def _price(base: Decimal, number: int) -> Decimal:
    """Near `base`; three of four prices keep its ending (,90 mostly), the others end in ,50 or ,00."""
    spread = Decimal(number % 5)
    ending = (
        Decimal("0.00"),
        Decimal("0.00"),
        Decimal("0.00"),
        Decimal("-0.40") if number % 8 < 4 else Decimal("0.10"),
    )
    return (base + spread + ending[number // 5 % 4]).quantize(Decimal("0.01"))


def _stock(number: int) -> dict[str, int]:
    """One product in twenty is sold out, one in twenty has its last units, some lie in one warehouse only."""
    lot = number // 64 % 20
    if lot == 0:
        return {"cajamar": 0, "recife": 0}
    if lot == 1:
        return {"cajamar": 1 + number % 3, "recife": 0}
    if lot < 5:
        return {"cajamar": 20 + number % 60, "recife": 0}
    return {"cajamar": 20 + number % 80, "recife": 5 + number % 40}
