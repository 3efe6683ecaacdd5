"""Rates of the configured carrier: behind a circuit breaker, cached for minutes, never blocking a sale.

A failure is cached too, per parcel and for a shorter time: a shopper who was offered the rate table's methods can still
choose one of them, and a page does not wait twice for the same unresponsive carrier.
"""

import logging
from hashlib import sha256

from django.conf import settings

from config.cache import cached, declare, recall
from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, breaker
from shipping.carriers.base import Carrier, CarrierUnavailable
from shipping.carriers.melhor_envio import MelhorEnvio
from shipping.metrics import carrier_questions
from shipping.options import ShippingOption
from shipping.parcels import Parcel

logger = logging.getLogger(__name__)

CACHE_NAME = "carrier_rates"
RATES_SECONDS = 5 * 60
UNAVAILABLE_SECONDS = 60

declare(CACHE_NAME, of=list[ShippingOption])


def rates(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """The carrier's options for this parcel; empty without a carrier, if it is unavailable or if it offers none.

    At most one network call. Raises NetworkCallInTransaction inside a transaction, but never a carrier failure.
    """
    carrier = configured()
    request = carrier.build_request(parcel, postal_code) if carrier else None
    if carrier is None or request is None:
        return []
    refuse_in_transaction(f"The carrier {carrier.name}")
    key = _key(carrier, request)
    try:
        return cached(CACHE_NAME, key, RATES_SECONDS, lambda: _fetch(carrier, request))
    except BreakerOpen:
        carrier_questions.labels(carrier.name, "rejected").inc()
    except CarrierUnavailable as error:
        carrier_questions.labels(carrier.name, "away").inc()
        logger.warning("Carrier %s is unavailable, using the rate table: %s", carrier.name, error)
    return cached(CACHE_NAME, key, UNAVAILABLE_SECONDS, list)


def cached_rates(parcel: Parcel, postal_code: str) -> list[ShippingOption] | None:
    """Like `rates`, from the cache only: no network call; None on a cache miss."""
    carrier = configured()
    request = carrier.build_request(parcel, postal_code) if carrier else None
    if carrier is None or request is None:
        return []
    known: list[ShippingOption] | None = recall(CACHE_NAME, _key(carrier, request))
    return known


def configured() -> Carrier | None:
    """The configured carrier, if any."""
    if not settings.MELHOR_ENVIO_API_BASE:
        return None
    return MelhorEnvio(
        api_base=settings.MELHOR_ENVIO_API_BASE,
        token=settings.MELHOR_ENVIO_TOKEN,
        user_agent=f"{settings.SHOP_NAME} ({settings.MELHOR_ENVIO_CONTACT})",
        services=frozenset(settings.MELHOR_ENVIO_SERVICES),
        from_postal_code=settings.SHIPPING_FROM_POSTAL_CODE,
        seconds=settings.CARRIER_SECONDS,
    )


def _fetch(carrier: Carrier, request: bytes) -> list[ShippingOption]:
    with breaker(carrier.name).calling():
        found = carrier.fetch_rates(request)
    carrier_questions.labels(carrier.name, "answered" if found else "nothing").inc()
    return found


def _key(carrier: Carrier, request: bytes) -> str:
    return f"{carrier.name}:{sha256(request).hexdigest()}"
