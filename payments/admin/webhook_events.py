"""The provider's webhook events. Read-only."""

import json

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.backoffice.attention import AttentionFilter
from config.backoffice.base import NOTHING, ChoiceFilter, FactsAdmin, moment_of, reference_link, tag
from config.db.statuses import BAD, BUSY, GOOD, QUIET
from payments.models import WebhookEvent


class HandledFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "handled"
    choices_offered = (
        ("no", _("waiting")),
        ("failing", _("waiting, failed before")),
        ("yes", _("handled")),
        ("aside", _("set aside")),
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        wanted = {
            "no": Q(handled_at=None, set_aside=""),
            "failing": Q(handled_at=None, set_aside="", tries__gt=0),
            "aside": ~Q(set_aside=""),
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
    list_filter = (AttentionFilter, HandledFilter)
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
        if event.set_aside:
            return tag(event.get_set_aside_display(), QUIET)
        return tag(_("failing"), BAD) if event.tries else tag(_("waiting"), BUSY)

    @admin.display(description=_("contents"))
    def contents(self, event: WebhookEvent) -> SafeString:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="payload">{}</pre>', text)
