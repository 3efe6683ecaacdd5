"""The carrier protocol. Caching, circuit breaker and fallback are in `shipping.carriers`."""

from typing import Protocol

from config.resilience.breakers import ProviderFailure
from shipping.options import ShippingOption
from shipping.parcels import Parcel


class CarrierUnavailable(ProviderFailure):
    """The carrier timed out, was unreachable, sent an invalid answer or rejected our credentials."""


class Carrier(Protocol):
    """A carrier, or an aggregator of carriers."""

    @property
    def name(self) -> str:
        """Used for its circuit breaker, metrics and cache keys."""

    def build_request(self, parcel: Parcel, postal_code: str) -> bytes | None:
        """The request body: everything the price depends on, identical for the same items in any order.

        None if the carrier cannot carry such a parcel at all.
        """

    def fetch_rates(self, request: bytes) -> list[ShippingOption]:
        """The services offered; empty if there are none. One network call with a deadline.

        Prices are above zero and in the parcel's currency. Raises CarrierUnavailable.
        """
