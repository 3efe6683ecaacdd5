"""Shipping options, priced by the rate table or a carrier."""

from dataclasses import dataclass
from decimal import Decimal

from config.formats import translated


@dataclass(frozen=True)
class ShippingOption:
    """`code` is stable: that of a rate table method or a carrier's service. Days are working days."""

    code: str
    method_name: str
    price: Decimal
    currency: str
    min_days: int
    max_days: int

    @property
    def name(self) -> str:
        """The method's name in the reader's language."""
        return translated(self.method_name)


def cheapest_first(options: list[ShippingOption]) -> list[ShippingOption]:
    return sorted(options, key=lambda option: (option.price, option.max_days))
