"""Settings that would only fail when the first shopper types a postal code."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_postal_code_service(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """POSTAL_CODE_API_BASE is empty or an http(s) address."""
    if not settings.POSTAL_CODE_API_BASE or _is_web_address(settings.POSTAL_CODE_API_BASE):
        return []
    return [
        Error(
            f"POSTAL_CODE_API_BASE is no web address: {settings.POSTAL_CODE_API_BASE!r}",
            hint="Give an address like https://viacep.com.br, or leave it empty to do without look-ups.",
            id="shipping.E001",
        )
    ]


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False
