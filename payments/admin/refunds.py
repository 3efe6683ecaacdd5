"""Refunds. Read-only: they are begun on an order's page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import FactsAdmin, amount, moment_of, reference_link, status_tag
from config.backoffice.exports import Exported
from payments.admin.filters import CREATED, OpenSinceFilter
from payments.models import Refund, RefundStatus

SETTLED = moment_of("settled_at", _("settled"))


class OpenRefundFilter(OpenSinceFilter):
    open_statuses = (RefundStatus.STARTED, RefundStatus.UNKNOWN)


@admin.register(Refund)
class RefundAdmin(Exported[Refund], FactsAdmin[Refund]):
    list_display = (CREATED, "order", "status_shown", "amount_shown", "reason", "provider_reference", SETTLED)
    list_display_links = (CREATED,)
    list_filter = (AttentionFilter, "status", OpenRefundFilter)
    list_select_related = ("payment",)
    date_hierarchy = "created_at"
    search_fields = ("payment__reference__istartswith", "provider_reference__startswith", "reason__icontains")
    search_help_text = _("The order number, the provider's reference, or words from the reason.")
    fields = readonly_fields = (
        "order", "status_shown", "amount_shown", "reason", "provider_reference", "error", "created_at", "settled_at",
    )  # fmt: skip

    export_columns = (
        (_("order"), lambda refund: refund.payment.reference),
        (_("created"), lambda refund: refund.created_at),
        (_("settled"), lambda refund: refund.settled_at),
        (_("status"), lambda refund: refund.get_status_display()),
        (_("amount"), lambda refund: refund.amount),
        (_("currency"), lambda refund: refund.payment.currency),
        (_("reason"), lambda refund: refund.reason),
        (_("provider reference"), lambda refund: refund.provider_reference),
        (_("error"), lambda refund: refund.error),
    )

    class Media:
        css = {"all": ["esteira/admin_cards.css", "payments/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return Refund.objects.with_payment()

    @admin.display(description=_("order"), ordering="payment__reference")
    def order(self, refund: Refund) -> SafeString | str:
        return reference_link(refund.payment.reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, refund: Refund) -> SafeString:
        return status_tag(refund.status, RefundStatus)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, refund: Refund) -> SafeString | str:
        return amount(refund.amount, refund.payment.currency)
