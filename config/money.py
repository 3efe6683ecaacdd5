"""Money: `Decimal` with two places, rounded half-up once per line; minor units only at the provider's door.

A currency is an ISO 4217 code and stands on the document (cart, order), not on each amount.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

# ISO 4217 exponents that differ from two; the provider counts these currencies in other minor units.
_MINOR_UNIT_EXPONENT = {"CLP": 0, "JPY": 0, "KRW": 0, "PYG": 0, "VND": 0}


def round_money(amount: Decimal) -> Decimal:
    """`amount` with two places, half a cent rounded away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def line_total(unit_price: Decimal, quantity: int) -> Decimal:
    """What a line costs: the only place where a line is rounded."""
    return round_money(unit_price * quantity)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts that are already rounded, so that it is the sum of what is printed."""
    return sum(amounts, ZERO)


def to_minor_units(amount: Decimal, currency: str) -> int:
    """`amount` as the provider counts it: centavos for BRL, whole yen for JPY.

    Raises ValueError where the amount has more places than the currency can pay.
    """
    scaled = amount.scaleb(_MINOR_UNIT_EXPONENT.get(currency.upper(), 2))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} cannot be paid: the currency has no such fraction.")
    return int(scaled)


def from_minor_units(amount: int, currency: str) -> Decimal:
    """The inverse of `to_minor_units`, with two places."""
    return round_money(Decimal(amount).scaleb(-_MINOR_UNIT_EXPONENT.get(currency.upper(), 2)))
