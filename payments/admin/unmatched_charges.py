"""Unmatched charges: read-only, apart from one note on what was done."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import ChoiceFilter, amount, moment_of, tag
from config.db.statuses import BAD, GOOD
from payments import reconcile
from payments.admin.notes import NotedAdmin, note_field
from payments.models import StrayCharge


class ResolvedFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "dealt"
    choices_offered = (("no", _("waiting")), ("yes", _("handled")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[StrayCharge]) -> QuerySet[StrayCharge]:
        wanted = {"no": Q(dealt_at=None), "yes": Q(dealt_at__isnull=False)}.get(self.value() or "", Q())
        return queryset.filter(wanted)


class StrayChargeForm(forms.ModelForm[StrayCharge]):
    note = note_field(_("Refunded in the provider's dashboard, or whose it is. Saving this note resolves the charge."))

    class Meta:
        model = StrayCharge
        fields = ("note",)


@admin.register(StrayCharge)
class StrayChargeAdmin(NotedAdmin[StrayCharge]):
    """Read-only, apart from one note on what was done, which can be written once."""

    form = StrayChargeForm
    list_display = (moment_of("found_at", _("found")), "provider_reference", "amount_shown", "state", "note")
    list_display_links = ("provider_reference",)
    list_filter = (AttentionFilter, ResolvedFilter, "provider")
    date_hierarchy = "found_at"
    search_fields = ("provider_reference__startswith",)
    search_help_text = _("The provider's reference.")
    readonly_fields = ("provider_reference", "provider", "amount_shown", "state", "found_at", "dealt_at")
    fields = (*readonly_fields, "note")

    def takes_note(self, row: StrayCharge) -> bool:
        return row.dealt_at is None

    def write_note(self, row: StrayCharge, by: Any, note: str) -> None:
        reconcile.resolve_unmatched(row, by=by, note=note)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, charge: StrayCharge) -> SafeString | str:
        return amount(charge.amount, charge.currency)

    @admin.display(description=_("state"), ordering="dealt_at")
    def state(self, charge: StrayCharge) -> SafeString:
        return tag(_("handled"), GOOD) if charge.dealt_at else tag(_("waiting"), BAD)
