"""System checks for settings that would otherwise fail on the first postal code lookup or shipping quote."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error

from shipping import tax_ids
from shipping.postal_codes import EIGHT_DIGITS


def check_postal_code_service(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The addresses of the look-up services are empty or http(s) addresses."""
    return [
        Error(
            f"{name} is not a web address: {getattr(settings, name)!r}",
            hint="Give an address like https://viacep.com.br, or leave it empty to disable lookups.",
            id="shipping.E001",
        )
        for name in ("POSTAL_CODE_API_BASE", "POSTAL_CODE_SECOND_API_BASE")
        if getattr(settings, name) and not _is_web_address(getattr(settings, name))
    ]


def check_carrier(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """If Melhor Envio is configured, everything it requires is set and valid."""
    base = settings.MELHOR_ENVIO_API_BASE
    if not base:
        return []
    found: list[CheckMessage] = []
    if not _is_web_address(base):
        found.append(
            Error(
                f"MELHOR_ENVIO_API_BASE is not a web address: {base!r}",
                hint="Give an address like https://melhorenvio.com.br, or leave it empty to use only the rate table.",
                id="shipping.E002",
            )
        )
    for name in ("MELHOR_ENVIO_TOKEN", "MELHOR_ENVIO_CONTACT"):
        text = getattr(settings, name)
        if not text or not (text.isascii() and text.isprintable()):
            # Do not show the value: it may be the token.
            found.append(Error(f"{name} is empty or has characters that cannot be sent.", id="shipping.E003"))
    if not EIGHT_DIGITS.fullmatch(settings.SHIPPING_FROM_POSTAL_CODE):
        found.append(
            Error(
                f"SHIPPING_FROM_POSTAL_CODE must be 8 digits: {settings.SHIPPING_FROM_POSTAL_CODE!r}",
                id="shipping.E004",
            )
        )
    return found


def check_tax_id_policy(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """TAX_ID is one of the known policies."""
    if settings.TAX_ID in tax_ids.POLICIES:
        return []
    return [
        Error(
            f"TAX_ID is {settings.TAX_ID!r}.",
            hint=f"Set it to one of: {', '.join(tax_ids.POLICIES)}.",
            id="shipping.E005",
        )
    ]


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False
