"""Payments with their attempts and refunds. Read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.base import FactsAdmin, FactsInline, amount, moment_of, reference_link, status_tag
from config.backoffice.exports import Exported
from payments.admin.filters import CREATED
from payments.models import (
    AttemptStatus,
    Dispute,
    DisputeStatus,
    Payment,
    PaymentAttempt,
    PaymentStatus,
    Refund,
    RefundStatus,
)


class AttemptInline(FactsInline):
    model = PaymentAttempt
    fields = readonly_fields = (
        "created_at", "status_shown", "captured", "provider_reference", "decline_code", "error", "settled_at",
    )  # fmt: skip
    ordering = ("created_at", "pk")

    @admin.display(description=_("status"))
    def status_shown(self, attempt: PaymentAttempt) -> SafeString:
        return status_tag(attempt.status, AttemptStatus)


class RefundInline(FactsInline):
    model = Refund
    fields = readonly_fields = ("created_at", "status_shown", "amount", "reason", "provider_reference", "settled_at")
    ordering = ("created_at", "pk")

    @admin.display(description=_("status"))
    def status_shown(self, refund: Refund) -> SafeString:
        return status_tag(refund.status, RefundStatus)


class DisputeInline(FactsInline):
    model = Dispute
    fields = readonly_fields = (
        "opened_at", "status_shown", "reason", "amount", "withdrawn", "due_by", "provider_reference", "closed_at",
    )  # fmt: skip
    ordering = ("opened_at", "pk")

    @admin.display(description=_("status"))
    def status_shown(self, dispute: Dispute) -> SafeString:
        return status_tag(dispute.status, DisputeStatus)


@admin.register(Payment)
class PaymentAdmin(Exported[Payment], FactsAdmin[Payment]):
    list_display = (
        "reference",
        "order",
        "status_shown",
        "amount_shown",
        "method",
        CREATED,
        moment_of("updated_at", _("changed")),
    )
    list_filter = ("status", "method", "provider")
    date_hierarchy = "created_at"
    search_fields = ("reference__istartswith", "attempts__provider_reference__startswith")
    search_help_text = _("The order number, or the provider's reference.")
    fields = readonly_fields = (
        "order", "status_shown", "amount_shown", "method", "provider", "created_at", "updated_at",
    )  # fmt: skip
    inlines = (AttemptInline, RefundInline, DisputeInline)
    export_columns = (
        (_("order"), lambda payment: payment.reference),
        (_("created"), lambda payment: payment.created_at),
        (_("changed"), lambda payment: payment.updated_at),
        (_("status"), lambda payment: payment.get_status_display()),
        (_("method"), lambda payment: payment.get_method_display()),
        (_("provider"), lambda payment: payment.provider),
        (_("amount"), lambda payment: payment.amount),
        (_("captured"), lambda payment: payment.captured_total),
        (_("paid back"), lambda payment: payment.refunded_total),
        (_("currency"), lambda payment: payment.currency),
    )

    class Media:
        css = {"all": ["esteira/admin_cards.css", "payments/admin.css"]}

    def export_rows(self, rows: QuerySet[Payment]) -> QuerySet[Payment]:
        return rows.with_totals()  # type: ignore[attr-defined,no-any-return]

    @admin.display(description=_("order"), ordering="reference")
    def order(self, payment: Payment) -> SafeString | str:
        return reference_link(payment.reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, payment: Payment) -> SafeString:
        return status_tag(payment.status, PaymentStatus)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, payment: Payment) -> SafeString | str:
        return amount(payment.amount, payment.currency)
