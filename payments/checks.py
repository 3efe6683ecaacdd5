"""System checks for settings that would otherwise fail on the first payment."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error

KEYS = {
    "STRIPE_SECRET_KEY": "no payment can be made",
    "STRIPE_PUBLISHABLE_KEY": "the card fields do not load",
    "STRIPE_WEBHOOK_SECRET": "every webhook is rejected",
}


def check_keys(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """payments.E001: a key of the provider is missing. Deployment check."""
    return [
        Error(f"{name} is not set: {effect}.", hint=f"Set {name} in the environment.", id="payments.E001")
        for name, effect in KEYS.items()
        if not getattr(settings, name)
    ]


def check_deadline(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """payments.E002: a call to the provider may outlast the checkout lock it runs under."""
    if 0 < settings.PAYMENT_TIMEOUT_SECONDS < settings.CHECKOUT_LOCK_SECONDS:
        return []
    return [
        Error(
            "PAYMENT_TIMEOUT_SECONDS must be above zero and below CHECKOUT_LOCK_SECONDS.",
            hint="Otherwise a second checkout of a cart could start while the first still waits for the provider.",
            id="payments.E002",
        )
    ]
