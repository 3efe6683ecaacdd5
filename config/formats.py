"""Formats money, dates, postal codes, telephone numbers and stored texts in the reader's language, and who sells."""

import datetime as dt
import math
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency
from babel.units import format_unit
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, gettext, to_locale

# A non-breaking space after the symbol in every language, as is usual in Brazil.
MONEY_PATTERN = "¤\u00a0#,##0.00"
# Units of time, with their seconds and the largest number of each that is still easy to read.
_UNITS = [("second", 1, 90), ("minute", 60, 90), ("hour", 3600, 48), ("day", 86_400, math.inf)]


def _locale() -> Locale:
    return _locale_of(get_language() or "en")


@lru_cache
def _locale_of(language: str) -> Locale:
    return Locale.parse(to_locale(language))


def money(amount: Decimal | str | None, currency: str = "BRL") -> str:
    """`R$ 1.234,56` in Portuguese, `R$ 1,234.56` in English; empty without an amount."""
    if amount in (None, ""):
        return ""
    return _money(str(amount), currency, get_language() or "en")


@lru_cache(maxsize=4096)
def _money(amount: str, currency: str, language: str) -> str:
    return format_currency(Decimal(amount), currency, MONEY_PATTERN, locale=_locale_of(language))


def translated(text: str) -> str:
    """A stored English text, such as the name of a way of delivery, in the reader's language.

    Most are names that no catalogue has, and gettext then asks one catalogue after the other.
    """
    return _translated(text, get_language() or "en")


@lru_cache(maxsize=1024)
def _translated(text: str, _language: str) -> str:
    return gettext(text) if text else text


def cep(postal_code: str | None) -> str:
    """`01310200` as `01310-200`; anything but eight digits unchanged."""
    digits = postal_code or ""
    return f"{digits[:5]}-{digits[5:]}" if len(digits) == 8 else digits


def phone(number: str | None) -> str:
    """`11987654321` as `(11) 98765-4321`; anything else unchanged."""
    digits = number or ""
    if digits.isdigit() and len(digits) in (10, 11):
        return f"({digits[:2]}) {digits[2:-4]}-{digits[-4:]}"
    return digits


def duration(seconds: float) -> str:
    """`40 seconds`, `2 minutes`, `3 hours`: rounded up in one unit, so that waiting that long is enough."""
    unit, size = next((unit, size) for unit, size, most in _UNITS if seconds <= most * size)
    return format_unit(math.ceil(seconds / size), f"duration-{unit}", locale=_locale())


def add_business_days(start: dt.date, days: int) -> dt.date:
    """The day `days` business days (Monday to Friday) after `start`. Holidays count as business days."""
    day = start
    while days > 0:
        day += dt.timedelta(days=1)
        days -= day.weekday() < 5
    return day


def arrival(min_days: int, max_days: int, start: dt.datetime | None = None) -> str:
    """`arrives between Dec 3 and 5`, in business days from `start` (default: now)."""
    origin = timezone.localtime(start).date() if start else timezone.localdate()
    first, last = add_business_days(origin, min_days), add_business_days(origin, max_days)
    locale = _locale()
    parts = {
        "first": str(first.day),
        "last": str(last.day),
        "first_month": format_date(first, "MMM", locale=locale),
        "last_month": format_date(last, "MMM", locale=locale),
    }
    if first == last:
        return gettext("arrives on %(last_month)s %(last)s") % parts
    if first.month == last.month:
        return gettext("arrives between %(last_month)s %(first)s and %(last)s") % parts
    return gettext("arrives between %(first_month)s %(first)s and %(last_month)s %(last)s") % parts


def day(moment: dt.datetime | dt.date | None) -> str:
    """A date in long form: `3 de dezembro de 2026`, `December 3, 2026`."""
    if moment is None:
        return ""
    local = timezone.localtime(moment) if isinstance(moment, dt.datetime) else moment
    return format_date(local, "long", locale=_locale())


def seller() -> list[str]:
    """Who sells, line by line as on a letterhead, from the settings; without what these do not say.

    By law a shop says so where everybody sees it: name, CNPJ or CPF, address and contact (Decreto 7.962/2013).
    """
    # Only a CNPJ is written with a slash.
    kind = "CNPJ" if "/" in settings.SELLER_TAX_ID else "CPF"
    tax_id = f"{kind} {settings.SELLER_TAX_ID}" if settings.SELLER_TAX_ID else ""
    contact = " · ".join(filter(None, (settings.SELLER_EMAIL, settings.SELLER_PHONE)))
    name = settings.SELLER_NAME or settings.SHOP_NAME
    return [name, *filter(None, (tax_id, settings.SELLER_ADDRESS, contact))]
