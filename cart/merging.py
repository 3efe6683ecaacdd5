"""Which lines of a guest's cart fit into a user's cart: it has one currency, and a limit of lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from cart.models import Cart, CartLine


class StaysBecause(StrEnum):
    CURRENCY = "currency"  # the product is sold in another one
    LIMIT = "limit"  # the user's cart is full


@dataclass(frozen=True)
class StayingLine:
    """A line that stays in the guest's cart."""

    sku: str
    name: str
    quantity: int
    reason: StaysBecause


def merged_currency(mine: Cart, lines: Sequence[CartLine], guest: Cart, guest_lines: Sequence[CartLine]) -> str:
    """The user's cart keeps its currency; an empty one takes the guest's. The guest's lines have their products."""
    offered = [line.product.currency for line in guest_lines]
    if lines or not offered:
        return mine.currency
    return guest.currency if guest.currency in offered else offered[0]


def take_what_fits(mine: Cart, lines: dict[int, CartLine], guest_lines: Iterable[CartLine]) -> list[StayingLine]:
    """Add the guest's lines, which have their products, to `lines` of the user's cart; returns those that stay.

    Quantities of the same product add up, capped at MAX_LINE_QUANTITY.
    """
    staying = []
    for line in guest_lines:
        if reason := _stays_because(mine, lines, line):
            staying.append(StayingLine(line.product.sku, line.product.name, line.quantity, reason))
            continue
        own = lines.setdefault(
            line.product_id, CartLine(cart=mine, product_id=line.product_id, quantity=0, position=len(lines))
        )
        own.quantity = min(own.quantity + line.quantity, settings.MAX_LINE_QUANTITY)
    return staying


def _stays_because(mine: Cart, lines: dict[int, CartLine], line: CartLine) -> StaysBecause | None:
    if line.product.currency != mine.currency:
        return StaysBecause.CURRENCY
    if line.product_id not in lines and len(lines) >= settings.MAX_CART_LINES:
        return StaysBecause.LIMIT
    return None
