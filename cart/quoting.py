"""Freight quotes for cart operations: carriers are called without a lock, quotes are made under it.

An operation that holds the cart's lock and needs an unknown price raises `PriceNeeded`. That rolls back its
transaction; the carrier is called; the operation runs again from the start. A price is valid only for the exact parcel
and postal code requested, so a cart that changed meanwhile is requoted.
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

MAX_CARRIER_CALLS = 2

P = ParamSpec("P")
R = TypeVar("R")


class PriceNeeded(Exception):
    """A price is needed under the lock and only the carrier has it."""

    def __init__(self, parcel: Parcel, postal_code: str) -> None:
        super().__init__(parcel, postal_code)
        self.parcel, self.postal_code = parcel, postal_code


class Freight:
    """The shipping options fetched during one call of an operation."""

    def __init__(self) -> None:
        self._fetched: dict[tuple[Parcel, str], list[ShippingOption]] = {}
        # The options of which the last quote took one: those of the cart as it is saved.
        self.offered: list[ShippingOption] | None = None

    def fetch(self, needed: PriceNeeded) -> None:
        """Get options from the carrier; may block until its timeout. Not inside a transaction."""
        self._fetched[needed.parcel, needed.postal_code] = shipping.options(needed.parcel, needed.postal_code)

    def quote(self, cart: Cart, code: str, parcel: Parcel) -> Quote:
        """Quote option `code` for the locked cart, packed as `parcel`. Never calls the network.

        Raises ShippingUnavailable, or PriceNeeded, which only `with_freight` catches.
        """
        options = self._fetched.get((parcel, cart.postal_code))
        if options is None:
            options = shipping.known_options(parcel, cart.postal_code)
        if options is None:
            if len(self._fetched) == MAX_CARRIER_CALLS:
                # Another request keeps changing this cart faster than the carrier responds.
                raise ShippingUnavailable(ShippingQuoteExpired.message, method=code)
            raise PriceNeeded(parcel, cart.postal_code)
        self.offered = options
        return shipping.make_quote(cart.token, shipping.choose(options, code), parcel, cart.postal_code)


def with_freight(operation: Callable[Concatenate[Freight, P], R]) -> Callable[P, R]:
    """Pass a `Freight` as first argument, and rerun the operation after fetching each price it needs."""

    @wraps(operation)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        freight = Freight()
        while True:
            try:
                return operation(freight, *args, **kwargs)
            except PriceNeeded as needed:
                freight.fetch(needed)

    return wrapper
