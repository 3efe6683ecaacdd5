"""What staff enter before money moves: amount, reason, and whether to restock."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from config.form_fields import MoneyField
from config.formats import money
from config.money import CENT


def new_key() -> str:
    """The idempotency key of one refund: the form carries it, so submitting twice pays once."""
    return f"staff-{uuid4()}"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("Kept in the order's history."),
    )
    key = forms.CharField(max_length=128, widget=forms.HiddenInput)


class RefundForm(ReasonForm):
    """`refundable` is the amount that can still be refunded; goods return to stock only with the last of it.

    `again` retries a refund that was started before: its amount, reason and restocking are already fixed.
    """

    amount = MoneyField(label=_("Amount"), min_value=CENT, max_digits=12)
    restock = forms.BooleanField(
        label=_("Return the goods to stock"),
        required=False,
        help_text=_("Only when the full remaining amount is refunded; they can be sold again at once."),
    )
    field_order = ("amount", "reason", "restock", "key")

    def __init__(self, *args: Any, refundable: Decimal, currency: str, again: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refundable, self.currency, self.again = refundable, currency, again
        if again:
            del self.fields["restock"]
            for name in ("amount", "reason"):
                self.fields[name].widget.attrs["readonly"] = True

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        amount = cleaned.get("amount")
        if amount is not None and amount > self.refundable and not self.again:
            left = money(self.refundable, self.currency)
            self.add_error("amount", _("Only %(left)s can still be refunded.") % {"left": left})
        if amount is not None and cleaned.get("restock") and amount < self.refundable:
            self.add_error(
                "restock",
                _("Goods return to stock only with the last refund. Refund all that remains, or leave this unticked."),
            )
        return cleaned
