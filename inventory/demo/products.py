"""The demo catalogue: a thousand Brazilian household products, generated deterministically from a small vocabulary."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from itertools import chain, groupby, islice, product, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from django.utils.text import slugify

from inventory.imports.product_rows import ProductRow

T = TypeVar("T")

PRODUCTS = 1_000
_AMOUNT = re.compile(r"(\d+(?:,\d+)?) (kg|g|ml|litro|cm|peças|sachês)")


@cache
def vocabulary() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "products.toml").read_text("utf-8"))


def demo_rows() -> list[ProductRow]:
    """All products, the fixed ones last, so that they come first in the catalogue (newest first)."""
    fixed = [_fixed_row(entry) for entry in vocabulary()["fixed"]]
    by_category = groupby(vocabulary()["kind"], key=itemgetter("category"))
    # Interleave categories, so that neighbours in the catalogue differ. The tail mixes only the largest categories;
    # reversed, it comes first here and last in the catalogue (newest first).
    kinds = _in_turn([list(kinds) for _category, kinds in by_category])
    mixed = _in_turn([_rows_of(kind) for kind in kinds])
    return [*reversed(list(islice(mixed, PRODUCTS - len(fixed)))), *fixed]


def _in_turn(groups: list[Iterable[T]]) -> Iterator[T]:
    """Round-robin: the first item of each group, then the second of each, and so on."""
    return (one for one in chain.from_iterable(zip_longest(*groups)) if one is not None)


def _rows_of(kind: dict[str, Any]) -> Iterator[ProductRow]:
    for (place, style), variant in product(enumerate(kind["styles"]), kind["variants"]):
        name = f"{kind['name']} {style} {variant}"
        number = _number(name)
        size = _relative_size(variant, kind["variants"][0])
        base = (kind["price"] + place * kind["step"]) * size**0.8
        yield _row(
            kind | {"size": _packed(kind, variant, size)},
            sku=slugify(f"{kind['sku']} {style} {variant}").upper(),
            name=name,
            price=_price(base, number),
            stock=_stock(number),
        )


def _relative_size(variant: str, first: str) -> float:
    """A variant's size relative to the first of its kind: 4 for 1 kg against 250 g."""
    amount, unit = _amount(variant)
    first_amount, first_unit = _amount(first)
    if unit and unit == first_unit:
        return amount / first_amount
    return next((float(factor) for words, factor in vocabulary()["amounts"].items() if words in variant), 1.0)


def _amount(variant: str) -> tuple[float, str]:
    """The amount in a variant's name, in its smallest unit: (1500, "ml") for "1,5 litro"; (1, "") if it has none."""
    found = _AMOUNT.search(variant)
    if not found:
        return 1.0, ""
    number, unit = float(found[1].replace(",", ".")), found[2]
    scale, smallest = {"kg": (1000, "g"), "litro": (1000, "ml")}.get(unit, (1, unit))
    return number * scale, smallest


def _packed(kind: dict[str, Any], variant: str, size: float) -> tuple[int, ...]:
    """Packed weight in grams and three sides in cm of a variant of this relative size."""
    weight, *sides = kind["size"]
    amount, unit = _amount(variant)
    grams = amount * 1.2 + 60 if kind.get("contents") and unit in ("g", "ml") else weight * size
    return round(grams), *(max(1, round(side * size ** (1 / 3))) for side in sides)


def _fixed_row(entry: dict[str, Any]) -> ProductRow:
    return _row(
        entry,
        sku=entry["sku"],
        name=entry["name"],
        price=Decimal(entry["price"]),
        stock={"cajamar": 500, "recife": 300},
    )


def _row(entry: dict[str, Any], *, sku: str, name: str, price: Decimal, stock: dict[str, int]) -> ProductRow:
    categories = {category["slug"]: category["name"] for category in vocabulary()["shop"]["categories"]}
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
    """A pseudo-random number determined by the name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest())


def _price(base: float, number: int) -> Decimal:
    """Close to `base`: three of four prices end in ,90, the others in ,50 or ,00."""
    reais = Decimal(round(base) + number % 5)
    ending = [Decimal("-0.10")] * 6 + [Decimal("-0.50"), Decimal("0.00")]
    return (reais + ending[number // 5 % 8]).quantize(Decimal("0.01"))


def _stock(number: int) -> dict[str, int]:
    """One product in twenty is sold out, one in twenty is nearly so, some are in one warehouse only."""
    lot = number // 64 % 20
    if lot == 0:
        return {"cajamar": 0, "recife": 0}
    if lot == 1:
        return {"cajamar": 1 + number % 3, "recife": 0}
    if lot < 5:
        return {"cajamar": 20 + number % 60, "recife": 0}
    return {"cajamar": 20 + number % 80, "recife": 5 + number % 40}
