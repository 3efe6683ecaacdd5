"""Refusals of the inventory."""

from collections.abc import Sequence
from typing import TypedDict

from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, NotFound, Refusal


class Shortage(TypedDict):
    """One product with too little stock."""

    sku: str
    requested: int
    available: int  # when checked


class ProductNotFound(NotFound):
    message = _("This product is not available.")


class InsufficientStock(Refusal):
    """Nothing was reserved. `shortages` lists every product that falls short."""

    code = "insufficient_stock"
    status = 409
    title = _("Not enough in stock")
    message = _("Some items are not in stock in the quantity you want.")
    shows = {"shortages": Fact("the products with too little stock.", list[Shortage])}

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = list(shortages)
        super().__init__(None, shortages=self.shortages)


class UnpaidBoundReached(Refusal):
    """Nothing was reserved. Together with this demand, orders that wait for their shopper to pay would hold more of
    these products than they may. There is enough in stock for an order that is paid at once."""

    code = "insufficient_stock"
    status = 409
    title = _("Not enough in stock")
    message = _("Too many of these items are held for orders that are not paid yet.")


class ReservationExpired(Refusal):
    """The hold was released, or reclaimed after it expired: its units may be reserved by another order now."""

    code = "insufficient_stock"
    status = 409
    title = _("Not enough in stock")
    message = _("We held your items for a while, but that time has run out.")


class ReservationClosed(Refusal):
    """The reference was already committed and cannot be reserved again."""

    code = "cart_closed"
    status = 409
    title = _("The cart is closed")
    message = _("These items have already been sold under this reference.")


class RestockRefused(Refusal):
    """More units than this reference has committed and not restocked."""

    status = 409
    message = _("You cannot restock more than was taken out of stock.")


class CurrencyFixed(Refusal):
    """The product was sold, so its currency stays: orders, refunds and reports refer to it."""

    status = 409
    message = _(
        "This product has already been sold, so its currency stays. To sell it in another one, create a new product "
        "and take this one off sale."
    )


class StockRefused(Refusal):
    """Unknown product or warehouse, or an invalid quantity: negative, or below what is reserved."""

    status = 409
    message = _("Stock cannot be set to this value.")
