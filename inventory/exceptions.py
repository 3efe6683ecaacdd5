"""What the inventory refuses, and why."""

from collections.abc import Sequence
from typing import TypedDict

from django.utils.translation import gettext_lazy as _

from config.exceptions import Fact, NotFound, Refusal


class Shortage(TypedDict):
    """One product that there is too little of."""

    sku: str
    requested: int
    available: int  # at that moment


class ProductNotFound(NotFound):
    message = _("We do not have this product.")


class InsufficientStock(Refusal):
    """Nothing was reserved. `shortages` names every product that falls short, by sku."""

    code = "insufficient_stock"
    status = 409
    title = _("Not enough in stock")
    message = _("There is not enough stock for everything you want.")
    shows = {"shortages": Fact("what is short.", list[Shortage])}

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = list(shortages)
        super().__init__(None, shortages=self.shortages)


class ReservationExpired(Refusal):
    """The hold is gone (released, or reclaimed after its time): its goods may belong to somebody else by now."""

    code = "insufficient_stock"
    status = 409
    title = _("Not enough in stock")
    message = _("The goods were held for a while, and that time is over.")


class ReservationClosed(Refusal):
    """The reference was committed already: what it stands for was sold and cannot be reserved again."""

    code = "cart_closed"
    status = 409
    title = _("The cart is closed")
    message = _("These goods were already sold under this reference.")


class RestockRefused(Refusal):
    """More would come back than went out under this reference."""

    status = 409
    message = _("More would be put back into stock than was taken out of it.")


class StockRefused(Refusal):
    """A stock figure that cannot be: unknown product or warehouse, negative, or below what is promised to shoppers."""

    status = 409
    message = _("Stock cannot be set to this.")
