"""What the configured carrier charges: asked behind its breaker, remembered for minutes, never in the way of a sale.

That a carrier was away is remembered too, for a shorter time and per parcel: whoever was offered the rate table's
methods can still choose one of them, and one page does not wait for the same silent carrier twice.
"""

import logging
from hashlib import sha256

from django.conf import settings

from config.cache import cached, declare, recall
from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, breaker
from shipping.carriers.base import Carrier, CarrierAway
from shipping.carriers.melhor_envio import MelhorEnvio
from shipping.metrics import carrier_questions
from shipping.options import ShippingOption
from shipping.parcels import Parcel

logger = logging.getLogger(__name__)

CACHE_NAME = "carrier_rates"
RATES_SECONDS = 5 * 60
AWAY_SECONDS = 60

declare(CACHE_NAME)


def rates(parcel: Parcel, postal_code: str) -> list[ShippingOption]:
    """The carrier's services for this parcel; empty where there is no carrier, it is away or it has nothing to offer.

    At most one network call. Raises NetworkCallInTransaction inside a transaction, and no failure of the carrier.
    """
    carrier = configured()
    question = carrier.question(parcel, postal_code) if carrier else None
    if carrier is None or question is None:
        return []
    refuse_in_transaction(f"The carrier {carrier.name}")
    key = _key(carrier, question)
    try:
        return cached(CACHE_NAME, key, RATES_SECONDS, lambda: _ask(carrier, question))
    except BreakerOpen:
        carrier_questions.labels(carrier.name, "left_alone").inc()
    except CarrierAway as error:
        carrier_questions.labels(carrier.name, "away").inc()
        logger.warning("The rate table stands in for the carrier %s: %s", carrier.name, error)
    return cached(CACHE_NAME, key, AWAY_SECONDS, list)


def remembered_rates(parcel: Parcel, postal_code: str) -> list[ShippingOption] | None:
    """`rates` as far as they are known without a network call; None where the carrier would have to be asked."""
    carrier = configured()
    question = carrier.question(parcel, postal_code) if carrier else None
    if carrier is None or question is None:
        return []
    remembered: list[ShippingOption] | None = recall(CACHE_NAME, _key(carrier, question))
    return remembered


def configured() -> Carrier | None:
    """The carrier that the settings name, if any."""
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


def _ask(carrier: Carrier, question: bytes) -> list[ShippingOption]:
    with breaker(carrier.name).calling():
        found = carrier.ask(question)
    carrier_questions.labels(carrier.name, "answered" if found else "nothing").inc()
    return found


def _key(carrier: Carrier, question: bytes) -> str:
    return f"{carrier.name}:{sha256(question).hexdigest()}"
