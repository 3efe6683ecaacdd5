"""What is to be carried: arithmetic on weights and sizes, nothing else.

Carriers charge for the larger of the real weight and the room taken: 6,000 cm³ count as one kilogram.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

CUBIC_CM_PER_GRAM = 6  # 6,000 cm³ weigh as much as 1,000 g


@dataclass(frozen=True)
class ParcelItem:
    """`quantity` units of one product: grams, centimetres and value of a single unit."""

    weight_grams: int
    length_cm: int
    width_cm: int
    height_cm: int
    quantity: int
    unit_value: Decimal

    @property
    def unit_volume(self) -> int:
        """Cubic centimetres of one unit."""
        return self.length_cm * self.width_cm * self.height_cm

    @property
    def unit_billable_grams(self) -> int:
        return max(self.weight_grams, volumetric_grams(self.unit_volume))


@dataclass(frozen=True)
class Parcel:
    """Everything of one order, whatever the number of boxes it leaves in."""

    items: tuple[ParcelItem, ...]
    currency: str = "BRL"

    @classmethod
    def of(cls, items: Iterable[ParcelItem], currency: str = "BRL") -> "Parcel":
        return cls(tuple(items), currency)

    @cached_property
    def weight_grams(self) -> int:
        return sum(item.weight_grams * item.quantity for item in self.items)

    @cached_property
    def volume(self) -> int:
        """Cubic centimetres of all units."""
        return sum(item.unit_volume * item.quantity for item in self.items)

    @cached_property
    def billable_grams(self) -> int:
        """What the carrier charges for: the larger of real and volumetric weight, and never nothing."""
        return max(self.weight_grams, volumetric_grams(self.volume), 1)

    @cached_property
    def heaviest_unit_grams(self) -> int:
        """The billable weight of the heaviest thing that cannot be divided over boxes."""
        return max((item.unit_billable_grams for item in self.items), default=0)

    @cached_property
    def value(self) -> Decimal:
        return sum((item.unit_value * item.quantity for item in self.items), Decimal("0.00"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what changes the price: sizes, weights and quantities, in no particular order.

        The value is left out: a product that becomes cheaper must not void the quote, and no rate depends on it.
        """
        facts = sorted(
            [item.weight_grams, item.length_cm, item.width_cm, item.height_cm, item.quantity] for item in self.items
        )
        return sha256(json.dumps([self.currency, facts]).encode()).hexdigest()


def volumetric_grams(volume: int) -> int:
    """Grams that `volume` cubic centimetres count as, rounded up."""
    return -(-volume // CUBIC_CM_PER_GRAM)
