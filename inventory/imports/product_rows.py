"""Input and result of a product import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from inventory.models import Product

# Defaults for products without weight or size: a parcel of folded clothes.
DEFAULT_WEIGHT_GRAMS = 500
DEFAULT_SIZE_CM = (30, 22, 6)
SLUG_LENGTH = 220


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A field that is None is unknown: new products get a default, existing ones keep their value."""

    sku: str
    slug: str
    name: str
    price: Decimal
    description: str = ""
    category_slug: str = ""
    category_name: str = ""
    weight_grams: int | None = None
    size_cm: tuple[int, int, int] | None = None
    active: bool = True
    # Quantity by warehouse code.
    stock: Mapping[str, int] = field(default_factory=dict)

    def known_fields(self) -> dict[str, object]:
        """Values of the product's own columns, without the category."""
        fields: dict[str, object] = {
            "name": self.name,
            "description": self.description,
            "price": self.price,
            "active": self.active,
        }
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
            weight_grams=self.weight_grams or DEFAULT_WEIGHT_GRAMS,
            length_cm=length,
            width_cm=width,
            height_cm=height,
        )
        self.apply_to(product)
        return product

    def apply_to(self, product: Product) -> bool:
        """Update the product's own columns, without the category; returns whether anything changed."""
        changed = False
        for name, value in self.known_fields().items():
            if getattr(product, name) != value:
                setattr(product, name, value)
                changed = True
        return changed


@dataclass(slots=True)
class ProductsWritten:
    """Counts of products (`created`, `changed`, `unchanged`) and of stock rows set (`stocked`).

    `stock_kept` lists the SKUs whose stock differs from the import and was kept.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stocked: int = 0
    stock_kept: list[str] = field(default_factory=list)


def distinct_slug(slug: str, sku: str) -> str:
    """A deterministic alternative for a slug that is taken."""
    suffix = blake2b(sku.encode(), digest_size=4).hexdigest()
    return f"{slug[: SLUG_LENGTH - len(suffix) - 1]}-{suffix}"
