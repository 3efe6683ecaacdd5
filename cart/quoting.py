"""Freight for verbs that change a cart: prices are asked for while no lock is held, and promised under it.

A verb that finds, with the cart locked, that it needs a price which is not known yet raises `PriceNeeded`. That rolls
its transaction back; the carrier is asked; the verb runs again from the start. A price counts only for the very parcel
and postal code that it was asked for, so a cart that changed meanwhile is priced anew.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from cart.models import Cart
from shipping import services as shipping
from shipping.exceptions import ShippingQuoteExpired, ShippingUnavailable
from shipping.models import Quote
from shipping.parcels import Parcel
from shipping.services import ShippingOption

ASKED_AT_MOST = 2

P = ParamSpec("P")
R = TypeVar("R")


class PriceNeeded(Exception):
    """Under the lock there is need of a price that only the carrier knows."""

    def __init__(self, parcel: Parcel, postal_code: str) -> None:
        super().__init__(parcel, postal_code)
        self.parcel, self.postal_code = parcel, postal_code


class Freight:
    """What is known of prices during one call of a verb."""

    def __init__(self) -> None:
        self._asked: dict[tuple[Parcel, str], list[ShippingOption]] = {}

    def ask(self, needed: PriceNeeded) -> None:
        """Ask for a price, which may take as long as the carrier is waited for. Not inside a transaction."""
        self._asked[needed.parcel, needed.postal_code] = shipping.options(needed.parcel, needed.postal_code)

    def quote(self, cart: Cart, code: str, parcel: Parcel) -> Quote:
        """Promise the price of option `code` for the locked cart, whose goods make `parcel`. Never calls the network.

        Raises ShippingUnavailable, or PriceNeeded, which only `with_freight` catches.
        """
        offered = self._asked.get((parcel, cart.postal_code))
        if offered is None:
            offered = shipping.known_options(parcel, cart.postal_code)
        if offered is None:
            if len(self._asked) == ASKED_AT_MOST:
                # Somebody else changes this cart faster than the carrier answers.
                raise ShippingUnavailable(ShippingQuoteExpired.message, method=code)
            raise PriceNeeded(parcel, cart.postal_code)
        return shipping.make_quote(cart.token, shipping.choose(offered, code), parcel, cart.postal_code)


def with_freight(verb: Callable[Concatenate[Freight, P], R]) -> Callable[P, R]:
    """Give a verb its `Freight` as first argument, and run it again where a price had to be asked for first."""

    @wraps(verb)
    def asking(*args: P.args, **kwargs: P.kwargs) -> R:
        freight = Freight()
        while True:
            try:
                return verb(freight, *args, **kwargs)
            except PriceNeeded as needed:
                freight.ask(needed)

    return asking
