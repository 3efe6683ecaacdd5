"""Money in the admin: payments, their attempts and refunds, unmatched charges, and the provider's webhook events.

Money is moved only by the buttons on an order's page. Here all is read-only, apart from an unmatched charge's note.
"""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.base import (
    NOTHING,
    Audited,
    ChoiceFilter,
    FactsAdmin,
    FactsInline,
    amount,
    moment_of,
    reference_link,
    status_tag,
    tag,
)
from config.backoffice.exports import Exported
from config.db.statuses import BAD, BUSY, GOOD
from payments import reconcile
from payments.models import (
    AttemptStatus,
    Payment,
    PaymentAttempt,
    PaymentStatus,
    Refund,
    RefundStatus,
    StrayCharge,
    WebhookEvent,
)

CREATED = moment_of("created_at", _("created"))
SETTLED = moment_of("settled_at", _("settled"))


class OpenSinceFilter(ChoiceFilter):
    """Unsettled rows; `open_statuses` are the statuses that count as open."""

    title = _("open for more than")
    parameter_name = "open"
    choices_offered = (("5", _("5 minutes")), ("60", _("an hour")), ("1440", _("a day")))
    open_statuses: tuple[str, ...] = ()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        minutes = self.value()
        if minutes not in {value for value, _text in self.choices_offered}:
            return queryset
        since = timezone.now() - timedelta(minutes=int(minutes or 0))
        return queryset.filter(status__in=self.open_statuses, created_at__lt=since)


class OpenAttemptFilter(OpenSinceFilter):
    open_statuses = tuple(PaymentAttempt.UNSETTLED)


class OpenRefundFilter(OpenSinceFilter):
    open_statuses = (RefundStatus.STARTED, RefundStatus.UNKNOWN)


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
    inlines = (AttemptInline, RefundInline)
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


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(FactsAdmin[PaymentAttempt]):
    """The provider's payment method token is left out: staff do not need it."""

    list_display = (CREATED, "order", "status_shown", "amount_shown", "method", "provider_reference", "why")
    list_display_links = (CREATED,)
    list_filter = ("status", OpenAttemptFilter, "payment__method")
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


@admin.register(Refund)
class RefundAdmin(Exported[Refund], FactsAdmin[Refund]):
    list_display = (CREATED, "order", "status_shown", "amount_shown", "reason", "provider_reference", SETTLED)
    list_display_links = (CREATED,)
    list_filter = ("status", OpenRefundFilter)
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


class ResolvedFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "dealt"
    choices_offered = (("no", _("waiting")), ("yes", _("handled")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[StrayCharge]) -> QuerySet[StrayCharge]:
        wanted = {"no": Q(dealt_at=None), "yes": Q(dealt_at__isnull=False)}.get(self.value() or "", Q())
        return queryset.filter(wanted)


class StrayChargeForm(forms.ModelForm[StrayCharge]):
    note = forms.CharField(
        label=_("what was done"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("Refunded in the provider's dashboard, or whose it is. Saving this note resolves the charge."),
    )

    class Meta:
        model = StrayCharge
        fields = ("note",)


@admin.register(StrayCharge)
class StrayChargeAdmin(Audited[StrayCharge]):
    """Read-only, apart from one note on what was done, which can be written once."""

    form = StrayChargeForm
    list_display = (moment_of("found_at", _("found")), "provider_reference", "amount_shown", "state", "note")
    list_display_links = ("provider_reference",)
    list_filter = (ResolvedFilter, "provider")
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "found_at"
    search_fields = ("provider_reference__startswith",)
    search_help_text = _("The provider's reference.")
    readonly_fields = ("provider_reference", "provider", "amount_shown", "state", "found_at", "dealt_at")
    fields = (*readonly_fields, "note")

    class Media:
        css = {"all": ["payments/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: StrayCharge | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.dealt_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: StrayCharge | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: StrayCharge, form: Any, change: bool) -> None:
        reconcile.resolve_unmatched(obj, by=request.user, note=form.cleaned_data["note"])

    def log_change(self, request: HttpRequest, obj: StrayCharge, message: Any) -> Any:
        """The service has already recorded it."""

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, charge: StrayCharge) -> SafeString | str:
        return amount(charge.amount, charge.currency)

    @admin.display(description=_("state"), ordering="dealt_at")
    def state(self, charge: StrayCharge) -> SafeString:
        return tag(_("handled"), GOOD) if charge.dealt_at else tag(_("waiting"), BAD)


class HandledFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "handled"
    choices_offered = (("no", _("waiting")), ("failing", _("waiting, failed before")), ("yes", _("handled")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        wanted = {
            "no": Q(handled_at=None),
            "failing": Q(handled_at=None, tries__gt=0),
            "yes": Q(handled_at__isnull=False),
        }.get(self.value() or "", Q())
        return queryset.filter(wanted)


@admin.register(WebhookEvent)
class WebhookEventAdmin(FactsAdmin[WebhookEvent]):
    list_display = (
        moment_of("received_at", _("received")),
        "type",
        "order",
        "state",
        "tries",
        "last_error",
        "provider_reference",
    )
    list_filter = (HandledFilter,)
    date_hierarchy = "received_at"
    search_fields = ("provider_reference__startswith", "event_id__startswith", "type__startswith")
    search_help_text = _("The provider's reference, the event ID or its type.")
    fields = readonly_fields = (
        "provider", "event_id", "type", "order", "provider_reference", "state", "received_at", "handled_at", "tries",
        "last_error", "contents",
    )  # fmt: skip

    class Media:
        css = {"all": ["payments/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        return WebhookEvent.objects.with_reference()

    @admin.display(description=_("order"))
    def order(self, event: WebhookEvent) -> SafeString | str:
        return reference_link(event.reference) if event.reference else NOTHING  # type: ignore[attr-defined]

    @admin.display(description=_("state"), ordering="handled_at")
    def state(self, event: WebhookEvent) -> SafeString:
        if event.handled_at:
            return tag(_("handled"), GOOD)
        return tag(_("failing"), BAD) if event.tries else tag(_("waiting"), BUSY)

    @admin.display(description=_("contents"))
    def contents(self, event: WebhookEvent) -> SafeString:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="payload">{}</pre>', text)
