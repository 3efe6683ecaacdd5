"""Money: `Decimal` with two places, rounded half-up once per line; minor units only in calls to the provider.

A currency is an ISO 4217 code, stored on the document (cart, order), not with each amount.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

# Those in which a shop can sell. All have two decimals, as prices have; the database checks them too.
CURRENCIES = ("ARS", "BRL", "EUR", "GBP", "MXN", "USD", "UYU")

# Currencies whose ISO 4217 exponent is not two.
_MINOR_UNIT_EXPONENT = {"CLP": 0, "JPY": 0, "KRW": 0, "PYG": 0, "VND": 0}


def round_money(amount: Decimal) -> Decimal:
    """`amount` with two places, half a cent rounded away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def line_total(unit_price: Decimal, quantity: int) -> Decimal:
    """The total of a line: the only place where lines are rounded."""
    return round_money(unit_price * quantity)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts that are already rounded, so that it matches what is displayed."""
    return sum(amounts, ZERO)


def to_minor_units(amount: Decimal, currency: str) -> int:
    """`amount` in minor units, as the provider expects it: centavos for BRL, whole yen for JPY.

    Raises ValueError if the amount has more decimals than the currency.
    """
    scaled = amount.scaleb(_MINOR_UNIT_EXPONENT.get(currency.upper(), 2))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} has more decimals than the currency.")
    return int(scaled)


def from_minor_units(amount: int, currency: str) -> Decimal:
    """The inverse of `to_minor_units`, with two places."""
    return round_money(Decimal(amount).scaleb(-_MINOR_UNIT_EXPONENT.get(currency.upper(), 2)))
