"""Forms of the cart page."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.form_fields import CountField, one_line
from shipping import postal_codes
from shipping.exceptions import InvalidPostalCode

CEP_REQUIRED = _("Enter your CEP, for example 01310-200.")


class PostalCodeField(forms.CharField):
    """A CEP in any notation; the clean value is its eight digits."""

    widget = forms.TextInput(
        attrs={
            "inputmode": "numeric",
            "autocomplete": "shipping postal-code",
            "placeholder": "00000-000",
            "data-missing": CEP_REQUIRED,
        }
    )

    def __init__(self) -> None:
        super().__init__(
            label=_("CEP (postal code)"),
            max_length=20,
            validators=[one_line],
            error_messages={"required": CEP_REQUIRED},
        )

    def clean(self, value: object) -> str:
        text = super().clean(value)
        try:
            return postal_codes.normalise(text) if text else ""
        except InvalidPostalCode as refusal:
            raise ValidationError(str(refusal)) from None

    def prepare_value(self, value: object) -> object:
        text = str(value or "")
        return postal_codes.display(text) if len(text) == 8 and text.isdigit() else value


class PostalCodeForm(forms.Form):
    postal_code = PostalCodeField()


class LineForm(forms.Form):
    """The page shows one error at a time for these forms."""

    def first_error(self) -> str:
        return str(next(iter(self.errors.values()))[0])


class AddForm(LineForm):
    sku = forms.CharField(max_length=64)
    quantity = CountField(
        min_value=1,
        max_value=settings.MAX_LINE_QUANTITY,
        error_messages={
            "invalid": _("Enter a whole number."),
            "min_value": _("Choose at least one."),
            "max_value": _("You can order up to %(limit_value)s of each product."),
        },
    )


class QuantityForm(LineForm):
    """`to` is the value of the pressed button and takes precedence over the number field."""

    to = forms.IntegerField(required=False, min_value=0, max_value=settings.MAX_LINE_QUANTITY)
    quantity = CountField(
        required=False,
        min_value=0,
        max_value=settings.MAX_LINE_QUANTITY,
        error_messages={
            "invalid": _("Enter a whole number."),
            "min_value": _("Enter 0 to remove it, or a larger number."),
            "max_value": _("You can order up to %(limit_value)s of each product."),
        },
    )

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        if self.errors:
            return values
        quantity = values.get("to") if values.get("to") is not None else values.get("quantity")
        if quantity is None:
            self.add_error("quantity", _("Enter a quantity."))
        values["quantity"] = quantity
        return values
