"""Outgoing messages: unsent ones first, with their last error."""

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from checkout import outbox
from checkout.admin.filters import SentFilter
from checkout.models import OutboxMessage
from config.backoffice.attention import AttentionFilter
from config.backoffice.base import FactsAdmin, moment_of, reference_link, tag
from config.db.statuses import BAD, BUSY, GOOD


@admin.register(OutboxMessage)
class OutboxMessageAdmin(FactsAdmin[OutboxMessage]):
    list_display = (
        moment_of("created_at", _("created at")),
        "kind",
        "order_shown",
        "email",
        "state",
        "tries",
        "last_error",
        moment_of("due_at", _("due at")),
        moment_of("sent_at", _("sent at")),
    )
    list_filter = (AttentionFilter, SentFilter, "kind")
    list_select_related = ("order",)
    ordering = (F("sent_at").desc(nulls_first=True), "-id")
    search_fields = ("order__number__istartswith", "order__email__istartswith")
    search_help_text = _("The order number, or the start of the e-mail.")
    actions = ("send_now",)
    fields = readonly_fields = (
        "kind", "order_shown", "email", "state", "created_at", "due_at", "sent_at", "tries", "last_error",
    )  # fmt: skip

    class Media:
        css = {"all": ["checkout/admin.css"]}

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("checkout.resend_mail")

    @admin.action(description=_("Send the selected messages now"), permissions=["send"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        chosen = list(queryset.order_by().values_list("pk", flat=True))
        count = outbox.send_now(chosen, by=request.user)
        text = ngettext(
            "%(count)s message will be sent within a minute; messages already sent are skipped.",
            "%(count)s messages will be sent within a minute; messages already sent are skipped.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.display(description=_("order"), ordering="order__number")
    def order_shown(self, message: OutboxMessage) -> SafeString | str:
        return reference_link(message.order.number)

    @admin.display(description=_("e-mail"), ordering="order__email")
    def email(self, message: OutboxMessage) -> str:
        return message.order.email

    @admin.display(description=_("state"), ordering="sent_at")
    def state(self, message: OutboxMessage) -> SafeString:
        return state_tag(message)


def state_tag(message: OutboxMessage) -> SafeString:
    """What became of a message."""
    if message.dropped:
        return tag(_("not sent: no longer true"))
    if message.sent_at:
        return tag(_("sent"), GOOD)
    return tag(_("failing"), BAD) if message.last_error else tag(_("waiting"), BUSY)
