"""What staff enter about a parcel: who carries it, its code, and what is in it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django import forms
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from checkout.labels import PREFIX, ParcelToLabel
from checkout.models import Order
from checkout.shipments import ParcelToPost, Tracking
from config.form_fields import CountField, MoneyField, one_line
from config.formats import money
from shipping.label_requests import Box
from shipping.options import ShippingOption

MAX_WORDS_LENGTH = 60
MAX_URL_LENGTH = 300
MAX_GRAMS = 1_000_000
MAX_CM = 1_000
check_web_address = URLValidator(schemes=["https", "http"])
_TEXT = {"class": "vTextField", "autocomplete": "off"}


class TrackingForm(forms.Form):
    carrier = forms.CharField(
        label=_("Carrier"),
        max_length=MAX_WORDS_LENGTH,
        required=False,
        validators=[one_line],
        widget=forms.TextInput(attrs=_TEXT),
        help_text=_("Such as Correios or Jadlog."),
    )
    service = forms.CharField(
        label=_("Service"),
        max_length=MAX_WORDS_LENGTH,
        required=False,
        validators=[one_line],
        widget=forms.TextInput(attrs=_TEXT),
        help_text=_("Such as PAC or SEDEX."),
    )
    tracking_code = forms.CharField(
        label=_("Tracking code"),
        max_length=MAX_WORDS_LENGTH,
        required=False,
        validators=[one_line],
        widget=forms.TextInput(attrs=_TEXT),
    )
    tracking_url = forms.CharField(
        label=_("Tracking link"),
        max_length=MAX_URL_LENGTH,
        required=False,
        validators=[check_web_address],
        widget=forms.TextInput(attrs={**_TEXT, "inputmode": "url"}),
        help_text=_("Only if it is not the carrier's usual page: for Correios, Jadlog and Melhor Envio it is known."),
    )

    def tracking(self) -> Tracking:
        """Of a valid form."""
        cleaned = self.cleaned_data
        return Tracking(cleaned["carrier"], cleaned["service"], cleaned["tracking_code"], cleaned["tracking_url"])


class UnitsForm(forms.Form):
    """With a field for the units of each line that is left to send, and the warehouse if there is a choice."""

    warehouse = forms.TypedChoiceField(label=_("Warehouse"), required=False, coerce=int, empty_value=None)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, order: Order, left: Mapping[int, int], warehouses: Mapping[int, str], **kwargs: Any
    ) -> None:
        only = next(iter(warehouses)) if len(warehouses) == 1 else ""
        kwargs["initial"] = {"key": uuid4(), "warehouse": only, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        choice = self.fields["warehouse"]
        choice.choices = [("", "–"), *warehouses.items()]  # type: ignore[attr-defined]
        self._lines = [line for line in order.lines.all() if line.pk in left]
        for line in self._lines:
            units = left[line.pk]
            self.fields[f"line_{line.pk}"] = CountField(
                label=line.name,
                min_value=0,
                max_value=units,
                initial=units,
                help_text=_("%(sku)s · left to send: %(units)s") % {"sku": line.sku, "units": units},
                widget=forms.TextInput(attrs={"class": "vIntegerField"}),
            )
        self.order_fields([f"line_{line.pk}" for line in self._lines])

    def units(self) -> dict[int, int]:
        """By line of the order, of a valid form."""
        return {line.pk: self.cleaned_data[f"line_{line.pk}"] for line in self._lines}


class ParcelForm(UnitsForm, TrackingForm):
    weight_grams = CountField(label=_("Weight in grams"), required=False, min_value=1, max_value=MAX_GRAMS)
    price_paid = MoneyField(label=_("Price paid to the carrier"), required=False, max_digits=10)

    def parcel(self) -> ParcelToPost:
        """Of a valid form."""
        cleaned = self.cleaned_data
        return ParcelToPost(
            tracking=self.tracking(),
            units=self.units(),
            warehouse_id=cleaned["warehouse"],
            weight_grams=cleaned["weight_grams"],
            price_paid=cleaned["price_paid"],
        )


class LabelForm(UnitsForm):
    """What a label is bought for: the shopper's service and a box around the goods, to begin with."""

    service = forms.ChoiceField(label=_("Service"))
    weight_grams = CountField(label=_("Weight in grams"), min_value=1, max_value=MAX_GRAMS)
    length_cm = CountField(label=_("Length in cm"), min_value=1, max_value=MAX_CM)
    width_cm = CountField(label=_("Width in cm"), min_value=1, max_value=MAX_CM)
    height_cm = CountField(label=_("Height in cm"), min_value=1, max_value=MAX_CM)

    def __init__(self, *args: Any, offered: Sequence[ShippingOption], chosen: str, box: Box, **kwargs: Any) -> None:
        self._offered = {option.code: option for option in offered}
        # The shopper's own service; the cheapest if the carrier has it no more, or never had.
        service = chosen if chosen in self._offered else next(iter(self._offered), "")
        kwargs["initial"] = {**asdict(box), "service": service}
        super().__init__(*args, **kwargs)
        self.fields["warehouse"].required = True
        self.fields["service"].choices = [  # type: ignore[attr-defined]
            (option.code, f"{option.name} · {money(option.price, option.currency)}") for option in offered
        ]
        self.order_fields(["service", "warehouse"])

    def parcel(self) -> ParcelToLabel:
        """Of a valid form."""
        cleaned = self.cleaned_data
        option = self._offered[cleaned["service"]]
        return ParcelToLabel(
            service=option.code.removeprefix(PREFIX),
            service_name=option.method_name,
            warehouse_id=cleaned["warehouse"],
            box=Box(**{side: cleaned[side] for side in ("weight_grams", "length_cm", "width_cm", "height_cm")}),
            units=self.units(),
        )
