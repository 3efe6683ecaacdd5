"""Rates of the configured carrier: behind a circuit breaker, cached for minutes, never blocking a sale.

A parcel is asked for once, though several requests want it: the others wait for the answer. It may be asked for ahead,
while the shopper still reads.

A failure is cached too, per parcel and for a shorter time: a shopper who was offered the rate table's methods can still
choose one of them, and a page does not wait twice for the same unresponsive carrier.
"""

import logging
from functools import partial
from hashlib import sha256

from django.conf import settings

from config.cache import cached, declare, recall
from config.db.locks import refuse_in_transaction
from config.resilience.background import Background
from config.resilience.breakers import BreakerOpen, breaker
from shipping.carriers.base import Carrier, CarrierUnavailable
from shipping.carriers.labels import LabelCarrier
from shipping.carriers.melhor_envio import MelhorEnvio
from shipping.carriers.melhor_envio_labels import MelhorEnvioLabels
from shipping.metrics import carrier_questions
from shipping.options import ShippingOption
from shipping.parcels import Parcel

logger = logging.getLogger(__name__)

CACHE_NAME = "carrier_rates"
RATES_SECONDS = 5 * 60
UNAVAILABLE_SECONDS = 60
# How long an answer takes from the carrier's call into the cache, on a busy machine.
STORED_WITHIN_SECONDS = 0.25

# A page that is read takes seconds, an answer fractions of one: few threads are enough.
AHEAD_THREADS, AHEAD_AT_MOST = 4, 16

declare(CACHE_NAME, of=list[ShippingOption])

_ahead = Background("rates-ahead", threads=AHEAD_THREADS, at_most=AHEAD_AT_MOST)


def rates(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """The carrier's options for this parcel; empty without a carrier, if it is unavailable or if it offers none.

    At most one network call. Raises NetworkCallInTransaction inside a transaction, but never a carrier failure.
    """
    carrier = configured()
    request = carrier.build_request(parcel, postal_code) if carrier else None
    if carrier is None or request is None:
        return []
    refuse_in_transaction(f"The carrier {carrier.name}")
    call = _RatesCall(carrier, request)
    # Who asks for the same parcel meanwhile waits for the answer, which comes by then or not at all.
    wait = settings.CARRIER_SECONDS + STORED_WITHIN_SECONDS
    return cached(CACHE_NAME, _key(carrier, request), call.keep_seconds, call.fetch, wait=wait)


def ask_ahead(parcel: Parcel, postal_code: str) -> None:
    """Begin to fetch `rates` and return at once, so that they are cached when they are needed.

    Does nothing without a carrier, or while too many are being fetched.
    """
    if configured() is not None:
        _ahead.begin(partial(rates, parcel, postal_code))


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
        user_agent=_user_agent(),
        services=frozenset(settings.MELHOR_ENVIO_SERVICES),
        from_postal_code=settings.SHIPPING_FROM_POSTAL_CODE,
        seconds=settings.CARRIER_SECONDS,
    )


def label_carrier() -> LabelCarrier | None:
    """Where labels are bought, if anywhere."""
    if not settings.MELHOR_ENVIO_API_BASE:
        return None
    return MelhorEnvioLabels(
        api_base=settings.MELHOR_ENVIO_API_BASE,
        token=settings.MELHOR_ENVIO_TOKEN,
        user_agent=_user_agent(),
        seconds=settings.LABEL_SECONDS,
    )


def _user_agent() -> str:
    return f"{settings.SHOP_NAME} ({settings.MELHOR_ENVIO_CONTACT})"


class _RatesCall:
    """One call to a carrier. If it fails there are no options, and that is kept for a shorter time."""

    def __init__(self, carrier: Carrier, request: bytes) -> None:
        self._carrier, self._request = carrier, request
        self._failed = False

    def fetch(self) -> list[ShippingOption]:
        name = self._carrier.name
        try:
            with breaker(name).calling():
                found = self._carrier.fetch_rates(self._request)
        except BreakerOpen:
            carrier_questions.labels(name, "rejected").inc()
        except CarrierUnavailable as error:
            carrier_questions.labels(name, "away").inc()
            logger.warning("Carrier %s is unavailable, using the rate table: %s", name, error)
        else:
            carrier_questions.labels(name, "answered" if found else "nothing").inc()
            return found
        self._failed = True
        return []

    def keep_seconds(self) -> float:
        return UNAVAILABLE_SECONDS if self._failed else RATES_SECONDS


def _key(carrier: Carrier, request: bytes) -> str:
    return f"{carrier.name}:{sha256(request).hexdigest()}"
