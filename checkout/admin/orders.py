"""Orders: the list, and one page with everything about an order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from checkout import links
from checkout.admin.action_views import may, may_cancel
from checkout.admin.actions import ORDER_ACTIONS, ActionResult
from checkout.admin.filters import AwaitingFilter, GivenUpFilter, ParcelsFilter, ReturnsFilter
from checkout.admin.label_views import LabelViews
from checkout.admin.mail_views import MailViews
from checkout.admin.outbox import state_tag
from checkout.admin.return_views import ReturnViews, steps_for
from checkout.admin.timeline import timeline
from checkout.models import CANCELLABLE, MAILS, Order, OrderQuerySet, OrderStatus, ReturnStatus, ShipmentStatus
from config import money
from config.audit.services import Actor
from config.backoffice.base import Fact, amount, facts, moment, status_tag, titled
from config.backoffice.exports import Column, Exported
from config.exceptions import Refusal
from config.formats import cep, phone
from payments.models import Payment, PaymentAttempt, PaymentStatus, Refund
from shipping import tax_ids
from shipping.labels import is_available, print_together
from shipping.models import LabelStatus


@admin.register(Order)
class OrderAdmin(Exported[Order], MailViews, ReturnViews, LabelViews):
    list_display = ("number", "placed", "customer", "place", "total_shown", "status_shown", "payment_shown")
    list_filter = (
        "status",
        AwaitingFilter,
        GivenUpFilter,
        ParcelsFilter,
        ReturnsFilter,
        ("payment__method", titled(_("payment method"))),
        ("payment__status", titled(_("payment status"))),
    )
    list_select_related = ("payment",)
    date_hierarchy = "placed_at"
    search_fields = ("number",)  # shows the search box; `OrderQuerySet.search` does the search
    search_help_text = _("Number, e-mail, name, CEP, SKU, tracking code, or the provider's reference.")
    actions = ("mark_shipped", "mark_delivered", "print_labels", "ask_provider", "resend_confirmation")
    page_template = "admin/checkout/order/page.html"
    export_columns = (
        (_("order number"), lambda order: order.number),
        (_("placed at"), lambda order: order.placed_at),
        (_("paid at"), lambda order: order.paid_at),
        (_("closed at"), lambda order: order.closed_at),
        (_("status"), lambda order: order.get_status_display()),
        (_("customer"), lambda order: order.name),
        (_("e-mail"), lambda order: order.email),
        (_("city"), lambda order: order.city),
        (_("state"), lambda order: order.state),
        (_("CEP"), lambda order: cep(order.postal_code)),
        (_("payment method"), lambda order: order.payment.get_method_display()),
        (_("payment status"), lambda order: order.payment.get_status_display()),
        (_("subtotal"), lambda order: order.subtotal),
        (_("delivery"), lambda order: order.shipping_total),
        (_("total"), lambda order: order.total),
        (_("currency"), lambda order: order.currency),
    )
    guarded_columns: Mapping[str, Sequence[Column]] = {
        "checkout.see_tax_id": ((_("CPF or CNPJ"), lambda order: tax_ids.display(order.tax_id)),)
    }

    class Media:
        css = {"all": ["esteira/admin_cards.css", "checkout/admin.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        return cast(OrderQuerySet, queryset).search(search_term), False

    # --- The list ---

    @admin.display(description=_("placed at"), ordering="placed_at")
    def placed(self, order: Order) -> str:
        return moment(order.placed_at)

    @admin.display(description=_("customer"), ordering="name")
    def customer(self, order: Order) -> SafeString:
        return format_html("{}<small>{}</small>", order.name, order.email)

    @admin.display(description=_("place"), ordering="city")
    def place(self, order: Order) -> str:
        return f"{order.city}/{order.state}"

    @admin.display(description=_("total"), ordering="total")
    def total_shown(self, order: Order) -> SafeString | str:
        return amount(order.total, order.currency)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, order: Order) -> SafeString:
        return status_tag(order.shown_status, OrderStatus)

    @admin.display(description=_("payment"), ordering="payment__status")
    def payment_shown(self, order: Order) -> SafeString:
        return format_html("{} {}", order.payment.get_method_display(), status_tag(order.payment.status, PaymentStatus))

    # --- Bulk actions ---

    def has_ship_permission(self, request: HttpRequest) -> bool:
        return may(request, "ship_order")

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return may(request, "ask_provider")

    def has_mail_permission(self, request: HttpRequest) -> bool:
        return may(request, "resend_mail")

    @admin.action(description=_("Mark the selected orders as shipped"), permissions=["ship"])
    def mark_shipped(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, ORDER_ACTIONS["ship"].do)

    @admin.action(description=_("Mark the selected orders as delivered"), permissions=["ship"])
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, ORDER_ACTIONS["deliver"].do)

    @admin.action(description=_("Print the labels of the selected orders"), permissions=["ship"])
    def print_labels(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """One document for all of them."""
        try:
            url = print_together(list(queryset.values_list("number", flat=True)))
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        link = '<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>'
        self.message_user(request, format_html(link, url, _("Open the labels to print them")), messages.SUCCESS)

    @admin.action(description=_("Ask the provider about the selected orders"), permissions=["ask"])
    def ask_provider(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, ORDER_ACTIONS["ask"].do)

    @admin.action(description=_("Send the confirmation of the selected orders again"), permissions=["mail"])
    def resend_confirmation(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, ORDER_ACTIONS["resend"].do)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Order], do: Callable[[Order, Actor], ActionResult]
    ) -> None:
        """Runs the action order by order; a refusal does not stop the others."""
        done = 0
        for order in Order.objects.with_payment().filter(pk__in=queryset.values("pk")):
            try:
                result = do(order, request.user)
            except Refusal as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                continue
            if result.level == messages.SUCCESS:
                done += 1
            else:
                self.message_user(request, result.text, result.level)
        if done:
            text = ngettext("Done for %(count)s order.", "Done for %(count)s orders.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)

    # --- The page ---

    def page_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return Order.objects.with_history()

    def page_context(self, request: HttpRequest, order: Order) -> dict[str, Any]:
        payment = order.payment
        attempts = list(payment.attempts.all())
        refunds = list(payment.refunds.all())
        refunds_allowed, may_ship = may(request, "refund_order"), may(request, "ship_order")
        return {
            "title": _("Order %(number)s") % {"number": order.number},
            "status": status_tag(order.shown_status, OrderStatus),
            "facts": self._facts(order),
            "delivery": self._delivery(order),
            "may_see_tax_id": bool(order.tax_id) and may(request, "see_tax_id"),
            "payment_facts": self._payment_facts(payment, attempts, refunds),
            "parcels": [(parcel, status_tag(parcel.status, ShipmentStatus)) for parcel in order.parcels],
            "labels": [(packed, status_tag(packed.label.status, LabelStatus)) for packed in order.packed_parcels],
            "may_label": may_ship and order.may_pack and is_available(),
            "mails": [
                (mail, state_tag(mail), moment(mail.sent_at))
                for mail in order.messages.all()
                if mail.kind in MAILS and may(request, "view_outboxmessage")
            ],
            "may_preview": may(request, "see_as_shopper"),
            "may_resend": may(request, "resend_mail"),
            "returns": [
                (asked, status_tag(asked.status, ReturnStatus), steps_for(request, order, asked))
                for asked in order.return_requests
            ],
            "steps": timeline(order),
            "may_ship": may_ship,
            "may_pack": may_ship and order.may_pack,
            "may_refund": refunds_allowed and payment.refundable > money.ZERO,
            "may_continue": refunds_allowed,
            "may_cancel": order.status in CANCELLABLE and may_cancel(request, order),
            "actions": {
                name: action.label
                for name, action in ORDER_ACTIONS.items()
                if action.offered(order) and may(request, action.permission)
            },
            "shop_url": links.order_url(order) if may(request, "see_as_shopper") else "",
        }

    def _facts(self, order: Order) -> list[Fact]:
        return facts(
            (_("status"), status_tag(order.shown_status, OrderStatus)),
            (_("placed at"), moment(order.placed_at)),
            (_("paid at"), moment(order.paid_at)),
            (_("closed at"), moment(order.closed_at)),
            (_("language"), order.language),
        )

    def _delivery(self, order: Order) -> list[Fact]:
        quote = order.quote
        street = ", ".join(part for part in (order.street, order.street_number, order.complement) if part)
        return facts(
            (_("name"), order.name),
            (_("CPF or CNPJ"), order.masked_tax_id),
            (_("e-mail"), order.email),
            (_("phone"), phone(order.phone)),
            (_("street"), street),
            (_("district"), order.district),
            (_("place"), self.place(order)),
            (_("CEP"), cep(order.postal_code)),
            (_("delivery"), f"{quote.name}, {quote.min_days}–{quote.max_days} {_('working days')}"),
            (_("user"), order.user and order.user.get_username()),
        )

    def _payment_facts(self, payment: Payment, attempts: list[PaymentAttempt], refunds: list[Refund]) -> list[Fact]:
        refunded = money.total(refund.amount for refund in refunds if refund.is_paid)
        under_way = money.total(refund.amount for refund in refunds if refund.holds_money and not refund.is_paid)
        disputed = money.total(dispute.withdrawn for dispute in payment.disputes.all())
        return facts(
            (_("status"), status_tag(payment.status, PaymentStatus)),
            (_("method"), payment.get_method_display()),
            (_("amount"), amount(payment.amount, payment.currency)),
            (_("captured"), amount(money.total(attempt.captured for attempt in attempts), payment.currency)),
            (_("paid back"), amount(refunded, payment.currency) if refunded else ""),
            (_("being paid back"), amount(under_way, payment.currency) if under_way else ""),
            (_("taken by disputes"), amount(disputed, payment.currency) if disputed else ""),
            (_("provider"), payment.provider),
        )
