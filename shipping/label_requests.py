"""What a label is bought for: who sends what to whom, in which box."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from config.money import line_total, total
from shipping.addresses import Address
from shipping.parcels import ParcelItem


@dataclass(frozen=True)
class Party:
    """Who sends or receives a parcel. `tax_id` is a CPF or CNPJ without punctuation."""

    address: Address
    tax_id: str
    email: str
    phone: str


@dataclass(frozen=True)
class Box:
    """One parcel as it is measured, packed."""

    weight_grams: int
    length_cm: int
    width_cm: int
    height_cm: int

    @classmethod
    def around(cls, items: Sequence[ParcelItem]) -> "Box":
        """The box that these items fill, stacked on the largest of them: a guess that staff may correct."""
        length, width = max(item.length_cm for item in items), max(item.width_cm for item in items)
        volume = sum(item.unit_volume * item.quantity for item in items)
        height = max(max(item.height_cm for item in items), -(-volume // (length * width)))
        return cls(sum(item.weight_grams * item.quantity for item in items), length, width, height)


@dataclass(frozen=True)
class DeclaredItem:
    """A line of the content declaration."""

    name: str
    quantity: int
    unit_value: Decimal


@dataclass(frozen=True)
class LabelRequest:
    """A label to be bought. `tag` is ours: by it a label is found whose id at the carrier was lost."""

    tag: str
    service: str
    sender: Party
    recipient: Party
    items: tuple[DeclaredItem, ...]
    box: Box

    @property
    def value(self) -> Decimal:
        return total(line_total(item.unit_value, item.quantity) for item in self.items)
