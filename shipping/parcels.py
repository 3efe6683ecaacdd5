"""Parcels: arithmetic on weights and sizes.

Carriers charge for the larger of actual and volumetric weight: 6,000 cm³ count as one kilogram.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

CUBIC_CM_PER_GRAM = 6


@dataclass(frozen=True)
class ParcelItem:
    """`quantity` units of one product; weight, size and value are per unit."""

    weight_grams: int
    length_cm: int
    width_cm: int
    height_cm: int
    quantity: int
    unit_value: Decimal

    @property
    def unit_volume(self) -> int:
        """Volume of one unit in cubic centimetres."""
        return self.length_cm * self.width_cm * self.height_cm

    @property
    def unit_billable_grams(self) -> int:
        return max(self.weight_grams, volumetric_grams(self.unit_volume))


@dataclass(frozen=True)
class Parcel:
    """All items of one order, regardless of how many boxes they are shipped in."""

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
        """Total volume in cubic centimetres."""
        return sum(item.unit_volume * item.quantity for item in self.items)

    @cached_property
    def billable_grams(self) -> int:
        """The weight charged for: the larger of actual and volumetric weight, at least one gram."""
        return max(self.weight_grams, volumetric_grams(self.volume), 1)

    @cached_property
    def heaviest_unit_grams(self) -> int:
        """The largest billable weight of a single unit, which cannot be split over boxes."""
        return max((item.unit_billable_grams for item in self.items), default=0)

    @cached_property
    def value(self) -> Decimal:
        return sum((item.unit_value * item.quantity for item in self.items), Decimal("0.00"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what determines the price: sizes, weights and quantities, in any order.

        Excludes the value: no rate depends on it, and a price cut of a product must not invalidate the quote.
        """
        facts = sorted(
            [item.weight_grams, item.length_cm, item.width_cm, item.height_cm, item.quantity] for item in self.items
        )
        return sha256(json.dumps([self.currency, facts]).encode()).hexdigest()


def volumetric_grams(volume: int) -> int:
    """The volumetric weight of `volume` cubic centimetres in grams, rounded up."""
    return -(-volume // CUBIC_CM_PER_GRAM)
