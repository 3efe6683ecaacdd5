"""Disputes: read-only, apart from the note that dismisses a warning."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import ChoiceFilter, amount, moment_of, reference_link, status_tag
from payments import disputes
from payments.admin.notes import NotedAdmin, note_field
from payments.models import OPEN_DISPUTES, Dispute, DisputeStatus


class UndecidedFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "undecided"
    choices_offered = (("yes", _("undecided")), ("no", _("over")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        match self.value():
            case "yes":
                return queryset.filter(status__in=OPEN_DISPUTES)
            case "no":
                return queryset.exclude(status__in=OPEN_DISPUTES)
        return queryset


class DisputeForm(forms.ModelForm[Dispute]):
    note = note_field(_("Why the order may ship after all. Saving this note dismisses the warning."))

    class Meta:
        model = Dispute
        fields = ("note",)


@admin.register(Dispute)
class DisputeAdmin(NotedAdmin[Dispute]):
    """Evidence is given in the provider's dashboard, once. Only a warning can be dismissed here."""

    form = DisputeForm
    list_display = (
        moment_of("opened_at", _("opened at")),
        "order",
        "status_shown",
        "reason",
        "amount_shown",
        "withdrawn_shown",
        moment_of("due_by", _("evidence due by")),
    )
    list_filter = (AttentionFilter, UndecidedFilter, "status")
    list_select_related = ("payment",)
    date_hierarchy = "opened_at"
    search_fields = ("payment__reference__istartswith", "provider_reference__startswith")
    search_help_text = _("The order number, or the provider's reference.")
    readonly_fields = (
        "order", "status_shown", "reason", "amount_shown", "withdrawn_shown", "provider_reference", "due_by",
        "opened_at", "closed_at",
    )  # fmt: skip
    fields = (*readonly_fields, "note")

    def takes_note(self, row: Dispute) -> bool:
        return row.is_warning

    def write_note(self, row: Dispute, by: Any, note: str) -> None:
        disputes.dismiss(row, by=by, note=note)

    @admin.display(description=_("order"), ordering="payment__reference")
    def order(self, dispute: Dispute) -> SafeString | str:
        return reference_link(dispute.payment.reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, dispute: Dispute) -> SafeString:
        return status_tag(dispute.status, DisputeStatus)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, dispute: Dispute) -> SafeString | str:
        return amount(dispute.amount, dispute.payment.currency)

    @admin.display(description=_("withdrawn"))
    def withdrawn_shown(self, dispute: Dispute) -> SafeString | str:
        return amount(dispute.withdrawn, dispute.payment.currency)
