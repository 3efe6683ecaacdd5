"""The forms of the checkout and order pages."""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cart.forms import PostalCodeField
from cart.snapshot import CartSnapshot
from checkout.models import MAX_REASON_LENGTH, OrderLine
from config.form_fields import one_line
from shipping import postal_codes, tax_ids
from shipping.addresses import Address
from shipping.exceptions import InvalidPostalCode, InvalidTaxId, TaxIdRequired

PIX = "pix"
CARD = "card"


def text_field(label: Any, max_length: int, autocomplete: str, missing: Any = None, **options: Any) -> forms.CharField:
    """A one-line text field with its autofill token. `missing` makes it required and is the message if left empty."""
    attrs = {"autocomplete": autocomplete, **({"data-missing": missing} if missing else {}), **options.pop("attrs", {})}
    return forms.CharField(
        label=label,
        max_length=max_length,
        validators=[one_line],
        required=bool(missing),
        error_messages={"required": missing} if missing else None,
        widget=forms.TextInput(attrs=attrs),
        **options,
    )


class PhoneField(forms.CharField):
    """A Brazilian phone number with area code, in any notation; cleans to its ten or eleven digits."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        digits = re.sub(r"\D", "", text)
        if digits.startswith("55") and len(digits) in (12, 13):
            digits = digits[2:]
        if text and not re.fullmatch(r"[1-9][0-9]{9,10}", digits):
            raise ValidationError(_("Enter the area code and number, such as (11) 98765-4321."))
        return digits


class TaxIdField(forms.CharField):
    """A CPF or CNPJ in any notation, or masked as the form showed it."""

    def __init__(self) -> None:
        super().__init__(
            label=_("CPF or CNPJ"),
            required=False,
            max_length=tax_ids.MAX_TYPED,
            validators=[one_line],
            help_text=_("For the label on the parcel and the invoice."),
            error_messages={"required": TaxIdRequired.message},
            widget=forms.TextInput(
                attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
            ),
        )

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        try:
            return tax_ids.read(text) if text else ""
        except InvalidTaxId as refusal:
            raise ValidationError(str(refusal)) from None


class DeliveryForm(forms.Form):
    """Contact and delivery address: only the fields that a delivery needs."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("For the confirmation and the tracking link."),
        error_messages={
            "required": _("Enter your e-mail. We will send the confirmation there."),
            "invalid": _("This e-mail looks incomplete. It should look like name@example.com."),
        },
        widget=forms.EmailInput(
            attrs={
                "autocomplete": "email",
                "data-missing": _("Enter your e-mail. We will send the confirmation there."),
                "data-wrong": _("This e-mail looks incomplete. It should look like name@example.com."),
            }
        ),
    )
    name = text_field(_("Full name"), 120, "shipping name", _("Enter the recipient's full name."))
    tax_id = TaxIdField()
    postal_code = PostalCodeField()
    street = text_field(_("Street"), 120, "shipping address-line1", _("Enter the street or avenue."))
    number = text_field(_("Number"), 20, "off", _("Enter the number, or s/n."), help_text=_("No number? Enter s/n."))
    complement = text_field(_("Flat, block, landmark"), 80, "shipping address-line2")
    district = text_field(_("District"), 80, "shipping address-level3", _("Enter the district (bairro)."))
    city = text_field(_("City"), 80, "shipping address-level2", _("Enter the city."))
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", "—"), *sorted(postal_codes.state_names.items(), key=lambda state: state[1])],
        error_messages={"required": _("Choose the state.")},
        widget=forms.Select(attrs={"autocomplete": "shipping address-level1", "data-missing": _("Choose the state.")}),
    )
    phone = PhoneField(
        label=_("Phone"),
        required=False,
        max_length=20,
        validators=[one_line],
        help_text=_("Only for the courier, if they cannot find you."),
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel-national"}),
    )

    def __init__(self, data: Any = None, *, signed_in: bool = False, **options: Any) -> None:
        super().__init__(self._with_state(data), **options)
        if signed_in:
            self.fields["save_address"] = forms.BooleanField(
                label=_("Save this address for the next time"), required=False
            )
        if settings.TAX_ID == tax_ids.OFF:
            del self.fields["tax_id"]
        elif settings.TAX_ID == tax_ids.REQUIRED:
            tax_id = self.fields["tax_id"]
            tax_id.required = tax_id.widget.is_required = True
            tax_id.widget.attrs["data-missing"] = TaxIdRequired.message

    def _with_state(self, data: Any) -> Any:
        """Fill in a missing state from the CEP."""
        if data is None or data.get("state"):
            return data
        try:
            state = postal_codes.state_of(postal_codes.normalise(data.get("postal_code", "")))
        except InvalidPostalCode:  # the field reports this error itself
            return data
        return {**data.dict(), "state": state}

    @staticmethod
    def initial_of(cart: CartSnapshot) -> dict[str, str]:
        """Initial values from the cart, without the empty ones."""
        known: dict[str, str] = {
            "email": cart.email,
            "phone": cart.phone,
            "tax_id": cart.tax_id,
            "postal_code": cart.postal_code,
        }
        if cart.address:
            known |= {name: getattr(cart.address, name) for name in cart.address.__dataclass_fields__}
        elif cart.postal_code:
            known["state"] = postal_codes.state_of(cart.postal_code)
        return {name: value for name, value in known.items() if value}

    def address(self) -> Address:
        """The delivery address. Requires a valid form."""
        names = ("name", "street", "number", "complement", "district", "city", "state", "postal_code")
        return Address(**{name: self.cleaned_data[name] for name in names})


class PaymentForm(forms.Form):
    """The payment method and the total agreed to. For cards, the provider's script fills in `payment_method`."""

    method = forms.ChoiceField(
        choices=[(CARD, _("Card")), (PIX, _("Pix"))],
        error_messages={
            "required": _("Choose how you want to pay."),
            "invalid_choice": _("Choose how you want to pay."),
        },
    )
    payment_method = forms.CharField(required=False, max_length=255)
    expected_total = forms.DecimalField(max_digits=12, decimal_places=2, localize=False)
    cart = forms.CharField(max_length=43)
    idempotency_key = forms.UUIDField()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("method") == CARD and not values.get("payment_method"):
            self.add_error(
                "method",
                _("Your card details did not reach the payment provider. Please enter them again, or pay with Pix."),
            )
        return values

    @property
    def token(self) -> str:
        """The provider's token of the chosen method, or `pix`. Requires a valid form."""
        return PIX if self.cleaned_data["method"] == PIX else self.cleaned_data["payment_method"]

    @staticmethod
    def new_key() -> str:
        return str(uuid.uuid4())


class SavedAddressForm(forms.Form):
    """The choice of an address of one's address book."""

    address = forms.UUIDField()


class FindOrderForm(forms.Form):
    number = forms.CharField(
        label=_("Order number"),
        max_length=20,
        help_text=_("Ten letters and digits, in the subject of your confirmation e-mail."),
        error_messages={"required": _("Enter the order number.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        error_messages={
            "required": _("Enter the e-mail you used for the order."),
            "invalid": _("This e-mail looks incomplete. It should look like name@example.com."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_number(self) -> str:
        return str(self.cleaned_data["number"]).strip().upper().lstrip("#")


class ReturnForm(forms.Form):
    """How many units of each line are given back. `returnable` are the units by line that can be."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON_LENGTH,
        required=False,
        validators=[one_line],
        help_text=_("Only if you like: it helps us to do better."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, lines: Iterable[OrderLine], returnable: Mapping[int, int], **kwargs: Any) -> None:
        kwargs["initial"] = {"key": uuid.uuid4()}
        super().__init__(*args, **kwargs)
        self.lines = {line.pk: f"line_{line.pk}" for line in lines if line.pk in returnable}
        is_only = sum(returnable.values()) == 1
        for line in lines:
            if line.pk in self.lines:
                self.fields[self.lines[line.pk]] = forms.TypedChoiceField(
                    label=line.name,
                    coerce=int,
                    choices=[(0, _("none")), *((units, units) for units in range(1, returnable[line.pk] + 1))],
                    initial=1 if is_only else 0,
                )
        self.order_fields([*self.lines.values(), "reason", "key"])

    @property
    def line_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.lines.values()]

    def units(self) -> dict[int, int]:
        """By line of the order. Requires a valid form."""
        return {line: self.cleaned_data[name] for line, name in self.lines.items()}
