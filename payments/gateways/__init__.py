"""Payment providers behind one protocol.

The gateway is built on first use, so that importing this module has no side effects and forked processes share no
connection.
"""

from functools import lru_cache

from django.conf import settings

from payments.gateways.base import Gateway
from payments.gateways.stripe import StripeGateway


def gateway() -> Gateway:
    """The configured gateway; one instance per process and set of settings."""
    return _stripe(
        settings.STRIPE_API_BASE,
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_WEBHOOK_SECRET,
        settings.PAYMENT_TIMEOUT_SECONDS,
    )


@lru_cache(maxsize=4)
def _stripe(api_base: str, secret_key: str, webhook_secret: str, timeout_seconds: float) -> StripeGateway:
    return StripeGateway(
        api_base=api_base, secret_key=secret_key, webhook_secret=webhook_secret, timeout_seconds=timeout_seconds
    )
