"""Settings with which money would go wrong, told before the first shopper does."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

KEYS = {
    "STRIPE_SECRET_KEY": "no payment can be asked for",
    "STRIPE_PUBLISHABLE_KEY": "the card fields do not open",
    "STRIPE_WEBHOOK_SECRET": "every message of the provider is refused",
}


def check_keys(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """payments.E001: a key of the provider is missing. For deployment."""
    return [
        Error(f"{name} is not set: {effect}.", hint=f"Set {name} in the environment.", id="payments.E001")
        for name, effect in KEYS.items()
        if not getattr(settings, name)
    ]


def check_deadline(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """payments.E002: a call to the provider may outlast the lock of the checkout that makes it."""
    if 0 < settings.PAYMENT_TIMEOUT_SECONDS < settings.CHECKOUT_LOCK_SECONDS:
        return []
    return [
        Error(
            "PAYMENT_TIMEOUT_SECONDS must be above zero and below CHECKOUT_LOCK_SECONDS.",
            hint="A second checkout of the same cart could begin while the first still waits for the provider.",
            id="payments.E002",
        )
    ]
