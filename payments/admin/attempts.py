"""Payment attempts. Read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import FactsAdmin, amount, reference_link, status_tag
from payments.admin.filters import CREATED, OpenSinceFilter
from payments.models import AttemptStatus, PaymentAttempt


class OpenAttemptFilter(OpenSinceFilter):
    open_statuses = tuple(PaymentAttempt.UNSETTLED)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(FactsAdmin[PaymentAttempt]):
    """The provider's payment method token is left out: staff do not need it."""

    list_display = (CREATED, "order", "status_shown", "amount_shown", "method", "provider_reference", "why")
    list_display_links = (CREATED,)
    list_filter = (AttentionFilter, "status", OpenAttemptFilter, "payment__method")
    list_select_related = ("payment",)
    date_hierarchy = "created_at"
    search_fields = ("payment__reference__istartswith", "provider_reference__startswith")
    search_help_text = _("The order number, or the provider's reference.")
    fields = readonly_fields = (
        "order", "status_shown", "amount_shown", "captured_shown", "method", "provider_reference", "decline_code",
        "error", "created_at", "settled_at", "expires_at",
    )  # fmt: skip

    class Media:
        css = {"all": ["payments/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentAttempt]:
        return PaymentAttempt.objects.with_payment()

    @admin.display(description=_("order"), ordering="payment__reference")
    def order(self, attempt: PaymentAttempt) -> SafeString | str:
        return reference_link(attempt.payment.reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, attempt: PaymentAttempt) -> SafeString:
        return status_tag(attempt.status, AttemptStatus)

    @admin.display(description=_("amount"), ordering="payment__amount")
    def amount_shown(self, attempt: PaymentAttempt) -> SafeString | str:
        return amount(attempt.payment.amount, attempt.payment.currency)

    @admin.display(description=_("captured"))
    def captured_shown(self, attempt: PaymentAttempt) -> SafeString | str:
        return amount(attempt.captured, attempt.payment.currency)

    @admin.display(description=_("method"), ordering="payment__method")
    def method(self, attempt: PaymentAttempt) -> str:
        return attempt.payment.get_method_display()

    @admin.display(description=_("why"))
    def why(self, attempt: PaymentAttempt) -> str:
        return attempt.decline_code or attempt.error
