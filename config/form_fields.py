"""Form fields and checks for what people type: numbers that read alike in every language, text on one line, currencies.

For numbers Django's own fields are not enough: with `localize` they drop the language's group sign wherever it stands,
so that `10,50` typed in English is 1050; and a browser's number input drops the signs of other languages while they are
typed. What can be read in two ways is refused. Files are read by the same rule, except that the rest of a file may show
how it is meant.
"""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _

from config.money import CURRENCIES

NOT_ONE_LINE = _("Write this on one line, without control characters.")

_DECIMALS = 2
_PLAIN = re.compile(r"(-?[0-9]+)(?:[.,]([0-9]+))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The group sign is the same throughout, and the decimal sign is the other one.
_GROUPED = re.compile(r"(-?[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\2[0-9]{3})*)(?:(?!\2)[.,]([0-9]+))?")
_ONE_SIGN_AND_THREE_DIGITS = re.compile(r"(-?[0-9]+)([.,])([0-9]{3})")
_SEPARATED = re.compile(r"-?[0-9]+(?:[.,\s][0-9]+)+")
_WHOLE = re.compile(r"-?[0-9]+")


class AmbiguousNumber(ValueError):
    """One sign followed by three digits: a group of thousands, or decimals."""


def read_number(text: str, decimal_sign: str = "") -> Decimal:
    """`text` as a number, with as many decimals as it has.

    If `decimal_sign` is known to be `.` or `,`, it decides what is ambiguous otherwise. Raises AmbiguousNumber without
    it, and ValueError for what is not a number.
    """
    if match := _ONE_SIGN_AND_THREE_DIGITS.fullmatch(text):
        whole, sign, digits = match.groups()
        if not decimal_sign:
            raise AmbiguousNumber(text)
        is_grouped = sign != decimal_sign and _GROUPED.fullmatch(text)
        return Decimal(f"{whole}{digits}" if is_grouped else f"{whole}.{digits}")
    match = _PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    whole, decimals = re.sub("[.,]", "", match[1]), match[match.re.groups] or ""
    return Decimal(f"{whole}.{decimals}")


def decimal_sign_of(text: str) -> str:
    """The decimal sign of whoever wrote this number, `.` or `,`; empty if the number does not show it."""
    if match := _GROUPED.fullmatch(text):
        _whole, group_sign, decimals = match.groups()
        shows_it = decimals or text.count(group_sign) > 1
        return ("," if group_sign == "." else ".") if shows_it else ""
    match = _PLAIN.fullmatch(text)
    return text[-len(match[2]) - 1] if match and match[2] else ""


def check_currency(code: str) -> None:
    """Validator: one of `CURRENCIES`, in capitals."""
    if code not in CURRENCIES:
        raise ValidationError(
            _("This shop does not sell in “%(code)s”. Write one of %(known)s."),
            code="currency",
            params={"code": code, "known": ", ".join(CURRENCIES)},
        )


class MoneyField(forms.DecimalField):
    """An amount with up to two decimals and no currency: `10,50`, `10.50`, `1.434,12`, `1,434.12`, `1434`.

    One sign followed by three digits (`1,050`) is refused as ambiguous. Amounts below zero are refused too, unless
    `min_value` says otherwise. The clean value has two decimals.
    """

    widget = forms.TextInput
    default_error_messages = {
        "invalid": _("Enter the amount in digits, such as 10.50 or 10,50."),
        "ambiguous": _(
            "%(typed)s can be read in two ways. Write the cents, and no sign between the thousands, such as %(whole)s."
        ),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "decimal_places": _DECIMALS, **options})

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        if value in self.empty_values:
            return None
        typed = str(value).strip()
        try:
            amount = read_number(typed)
        except AmbiguousNumber:
            whole = f"{re.sub('[.,]', '', typed)}{get_format('DECIMAL_SEPARATOR')}00"
            raise ValidationError(
                self.error_messages["ambiguous"], code="ambiguous", params={"typed": typed, "whole": whole}
            ) from None
        except ValueError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        digits, _sign, decimals = f"{amount:f}".partition(".")
        return Decimal(f"{digits}.{decimals.ljust(_DECIMALS, '0')}")

    def prepare_value(self, value: Any) -> Any:
        """With the language's decimal sign and without group signs; text that was typed is left as it is."""
        if not isinstance(value, Decimal):
            return value
        return f"{value:.{_DECIMALS}f}".replace(".", str(get_format("DECIMAL_SEPARATOR")))

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": "decimal"}


class CountField(forms.IntegerField):
    """A whole number in digits only: any point, comma or space between them is refused."""

    widget = forms.TextInput
    default_error_messages = {
        "ambiguous": _(
            "Enter a whole number in digits only, such as 1050. "
            "With a point, comma or space in it, %(typed)s can be read in two ways."
        ),
    }

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        typed = str(value).strip()
        if _SEPARATED.fullmatch(typed):
            raise ValidationError(self.error_messages["ambiguous"], code="ambiguous", params={"typed": typed})
        if not _WHOLE.fullmatch(typed):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(typed)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": "numeric"}


def is_one_line(text: str) -> bool:
    """Whether `text` has neither line breaks nor other control characters."""
    return not _CONTROL.search(text)


def one_line(text: str) -> None:
    """Validator of form fields whose text is kept: the rule that the API's `Text` has."""
    if not is_one_line(text):
        raise ValidationError(NOT_ONE_LINE, code="control")
