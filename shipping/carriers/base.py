"""What a carrier's API has to be able to do for the shop. Caching, breaker and the way out stand in `carriers`."""

from typing import Protocol

from config.resilience.breakers import ProviderFailure
from shipping.options import ShippingOption
from shipping.parcels import Parcel


class CarrierAway(ProviderFailure):
    """The carrier did not answer, in time or at all, answered nonsense, or does not let us in."""


class Carrier(Protocol):
    """One carrier, or one aggregator of carriers."""

    @property
    def name(self) -> str:
        """Names its breaker, its metrics and its keys in the cache."""

    def question(self, parcel: Parcel, postal_code: str) -> bytes | None:
        """What would be asked: all that the price depends on, the same bytes for the same things in any order.

        None where the carrier cannot carry such a parcel at all, so that there is nothing to ask.
        """

    def ask(self, question: bytes) -> list[ShippingOption]:
        """The services that carry it; empty where none does. One network call, over at the deadline at the latest.

        Each price is above zero, in the parcel's currency. Raises CarrierAway.
        """
