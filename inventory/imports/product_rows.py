"""Input and result of a product import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from django.conf import settings

from inventory.models import Product

# Defaults for products without weight or size: a parcel of folded clothes.
DEFAULT_WEIGHT_GRAMS = 500
DEFAULT_SIZE_CM = (30, 22, 6)
SLUG_LENGTH = 220


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a file's variant besides its SKU.

    `spare_sku` is the row's own if its SKU is another's, `former_sku` what earlier releases made; empty if the same.
    """

    line: int
    options: str
    spare_sku: str
    former_sku: str
    is_given: bool


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A field that is None is unknown: new products get a default, existing ones keep their value.

    So does stock of a warehouse that `stock` does not name: unknown is never zero. `price` is in `currency`, and so
    never becomes the price of a product that is sold in another one.
    """

    sku: str
    slug: str
    name: str
    price: Decimal
    currency: str = settings.DEFAULT_CURRENCY
    description: str | None = None
    category_slug: str = ""
    category_name: str = ""
    weight_grams: int | None = None
    size_cm: tuple[int, int, int] | None = None
    active: bool | None = None
    # Quantity by warehouse code.
    stock: Mapping[str, int] = field(default_factory=dict)
    # Of rows read from a file.
    identity: Identity | None = field(default=None, compare=False)

    def known_fields(self, currency: str) -> dict[str, object]:
        """Values of the own columns, without the category, of a product that is sold in `currency`."""
        fields: dict[str, object] = {"name": self.name}
        if currency == self.currency:
            fields["price"] = self.price
        if self.description is not None:
            fields["description"] = self.description
        if self.active is not None:
            fields["active"] = self.active
        if self.weight_grams is not None:
            fields["weight_grams"] = self.weight_grams
        if self.size_cm is not None:
            fields |= dict(zip(("length_cm", "width_cm", "height_cm"), self.size_cm, strict=True))
        return fields

    def new_product(self, slug: str) -> Product:
        length, width, height = self.size_cm or DEFAULT_SIZE_CM
        product = Product(
            sku=self.sku,
            slug=slug,
            currency=self.currency,
            weight_grams=self.weight_grams or DEFAULT_WEIGHT_GRAMS,
            length_cm=length,
            width_cm=width,
            height_cm=height,
        )
        self.apply_to(product)
        return product

    def apply_to(self, product: Product) -> set[str]:
        """Update the product's own columns, without the category; returns those that differ."""
        known = self.known_fields(product.currency)
        differing = {name: value for name, value in known.items() if getattr(product, name) != value}
        for name, value in differing.items():
            setattr(product, name, value)
        return set(differing)


@dataclass(slots=True)
class ProductsWritten:
    """Counts of products (`created`, `changed`, `unchanged`) and of stock rows set (`stocked`).

    `stock_kept` lists the SKUs whose stock differs from the import and was kept, `price_kept` those that are sold in
    another currency than the import's.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stocked: int = 0
    stock_kept: list[str] = field(default_factory=list)
    price_kept: list[str] = field(default_factory=list)


def distinct_slug(slug: str, sku: str) -> str:
    """A deterministic alternative for a slug that is taken."""
    suffix = blake2b(sku.encode(), digest_size=4).hexdigest()
    return f"{slug[: SLUG_LENGTH - len(suffix) - 1]}-{suffix}"
