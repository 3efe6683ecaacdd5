"""System checks: settings that would close Pix or leave what is unpaid without a bound, and who sells."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from shipping import tax_ids
from shipping.exceptions import InvalidTaxId


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


def check_seller(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """checkout.E002: what is said of the seller is not a CNPJ or CPF as it is written, or no e-mail address."""
    found: list[CheckMessage] = []
    written = settings.SELLER_TAX_ID
    if written and written != (right := _as_written(written)):
        hint = f"Write it as {right}." if right else "Write it as 11.222.333/0001-81."
        found.append(Error("SELLER_TAX_ID is not a CNPJ or CPF as it is written.", hint=hint, id="checkout.E002"))
    if settings.SELLER_EMAIL and not _is_address(settings.SELLER_EMAIL):
        found.append(Error("SELLER_EMAIL is no e-mail address.", id="checkout.E002"))
    return found


def check_new_order_mails(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """checkout.E003: a mail about a new order would go nowhere."""
    hint = "Separate addresses by commas: shop@example.com,stock@example.com"
    return [
        Error(f"NEW_ORDER_MAILS: entry {place} is no e-mail address.", hint=hint, id="checkout.E003")
        for place, address in enumerate(settings.NEW_ORDER_MAILS, start=1)
        if not _is_address(address)
    ]


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def check_seller_is_named(*, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """checkout.W001: the law wants it on every page. For `check --deploy`."""
    names = ("SELLER_NAME", "SELLER_TAX_ID", "SELLER_ADDRESS", "SELLER_EMAIL")
    hint = "A shop must say who sells (Decreto 7.962/2013, article 2)."
    return [
        CheckWarning(f"{name} is not set.", hint=hint, id="checkout.W001")
        for name in names
        if not getattr(settings, name)
    ]


def _as_written(typed: str) -> str:
    try:
        return tax_ids.display(tax_ids.normalise(typed))
    except InvalidTaxId:
        return ""
