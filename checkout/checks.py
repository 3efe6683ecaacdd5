"""System checks of settings that would close Pix, or leave what is unpaid without a bound."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_unpaid_bounds(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """checkout.E001: times and bounds of orders that wait to be paid do not fit together."""
    rules = {
        "FIRST_PAYMENT_MINUTES must be at least 2, and PAYMENT_MINUTES no less.": (
            2 <= settings.FIRST_PAYMENT_MINUTES <= settings.PAYMENT_MINUTES
        ),
        "UNPAID_STOCK_SHARE must be from 0 to 1.": 0 <= settings.UNPAID_STOCK_SHARE <= 1,
        "UNPAID_STOCK_UNITS, UNPAID_ORDERS_PER_NETWORK and UNPAID_UNITS_PER_NETWORK must be at least 1.": (
            min(settings.UNPAID_STOCK_UNITS, settings.UNPAID_ORDERS_PER_NETWORK, settings.UNPAID_UNITS_PER_NETWORK) >= 1
        ),
    }
    hint = "SECURITY.md, 'What unpaid orders may hold', says what each bounds."
    return [Error(rule, hint=hint, id="checkout.E001") for rule, holds in rules.items() if not holds]
