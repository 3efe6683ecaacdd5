"""What staff enter about a return: their answer, and what became of each unit."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from checkout.models import MAX_REASON_LENGTH, ReturnedUnits
from checkout.returns import Found
from config.form_fields import CountField, one_line

_FOUND = {"restocked": _("back to stock"), "broken": _("broken"), "missing": _("did not come")}


class ReturnAnswerForm(forms.Form):
    answer = forms.CharField(
        label=_("To the shopper"),
        max_length=MAX_REASON_LENGTH,
        validators=[one_line],
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("Such as the carrier's posting code and until when it can be used; or why it is not accepted."),
    )


class InspectionForm(forms.Form):
    """With three numbers for each line of which units are expected; together they are those units."""

    def __init__(self, *args: Any, expected: Sequence[ReturnedUnits], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expected = expected
        for units in expected:
            for name, label in _FOUND.items():
                self.fields[f"{name}_{units.order_line}"] = CountField(
                    label=f"{units.name}: {label}",
                    min_value=0,
                    max_value=units.expected,
                    initial=units.expected if name == "restocked" else 0,
                    help_text=_("%(sku)s · expected: %(units)s") % {"sku": units.sku, "units": units.expected},
                    widget=forms.TextInput(attrs={"class": "vIntegerField"}),
                )

    def found(self) -> dict[int, Found]:
        """By line of the order. Of a valid form."""
        return {
            units.order_line: Found(**{name: self.cleaned_data[f"{name}_{units.order_line}"] for name in _FOUND})
            for units in self._expected
        }
