"""Disputes: read-only, apart from the note that dismisses a warning."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import Audited, ChoiceFilter, amount, moment_of, reference_link, status_tag
from payments import disputes
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
    note = forms.CharField(
        label=_("what was done"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("Why the order may ship after all. Saving this note dismisses the warning."),
    )

    class Meta:
        model = Dispute
        fields = ("note",)


@admin.register(Dispute)
class DisputeAdmin(Audited[Dispute]):
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
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "opened_at"
    search_fields = ("payment__reference__istartswith", "provider_reference__startswith")
    search_help_text = _("The order number, or the provider's reference.")
    readonly_fields = (
        "order", "status_shown", "reason", "amount_shown", "withdrawn_shown", "provider_reference", "due_by",
        "opened_at", "closed_at",
    )  # fmt: skip
    fields = (*readonly_fields, "note")

    class Media:
        css = {"all": ["payments/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Dispute | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_warning)

    def has_delete_permission(self, request: HttpRequest, obj: Dispute | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Dispute, form: Any, change: bool) -> None:
        disputes.dismiss(obj, by=request.user, note=form.cleaned_data["note"])

    def log_change(self, request: HttpRequest, obj: Dispute, message: Any) -> Any:
        """The service has already recorded it."""

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
