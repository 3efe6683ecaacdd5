"""What staff can do with an order: each action calls a service and puts the outcome into words.

Each raises the service's Refusal. The services write the audit log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from checkout import ask_provider, outbox, services
from checkout.models import Order, OrderStatus
from config.audit.services import Actor
from config.formats import money
from payments import lost_attempts
from payments.models import AttemptStatus, Refund, RefundStatus


@dataclass(frozen=True)
class ActionResult:
    """The message for the user, and its level (`messages.SUCCESS` and so on)."""

    text: str
    level: int = messages.SUCCESS


def ship(order: Order, by: Actor) -> ActionResult:
    services.mark_shipped(order, by=by)
    return ActionResult(_("Order %(number)s is marked as shipped.") % {"number": order.number})


def deliver(order: Order, by: Actor) -> ActionResult:
    services.mark_delivered(order, by=by)
    return ActionResult(_("Order %(number)s is marked as delivered.") % {"number": order.number})


def resend(order: Order, by: Actor) -> ActionResult:
    outbox.resend_confirmation(order, by=by)
    return ActionResult(
        _("The confirmation of order %(number)s will be sent again to %(email)s within a minute.")
        % {"number": order.number, "email": order.email}
    )


def ask(order: Order, by: Actor) -> ActionResult:
    """Ask the provider about the last attempt if it is unsettled. The order must be loaded with its attempts."""
    attempt = order.current_attempt
    if attempt is None or attempt.is_settled:
        return ActionResult(
            _("The provider has already answered for order %(number)s; there is nothing to ask.")
            % {"number": order.number},
            messages.INFO,
        )
    fresh = ask_provider.refresh(order, by=by)
    latest = fresh.current_attempt
    facts = {"number": order.number, "status": fresh.get_status_display()}
    if latest is not None and latest.is_settled:
        return ActionResult(_("The provider has answered: order %(number)s is %(status)s.") % facts)
    if latest is not None and latest.status == AttemptStatus.ACTION:
        return ActionResult(_("Order %(number)s is still waiting for the shopper to pay.") % facts, messages.INFO)
    certain_from = lost_attempts.certain_from(latest) if latest is not None else None
    if certain_from is not None:
        return ActionResult(
            _(
                "The provider received the payment of order %(number)s, and what became of it is being looked up. It "
                "is certain from %(time)s: the order is then paid, or cancelled with its cart open again. The search "
                "goes on by itself; ask again to go on at once."
            )
            % {**facts, "time": time_format(timezone.localtime(certain_from))},
            messages.WARNING,
        )
    return ActionResult(
        _("The provider has not answered yet for order %(number)s. Ask again in a minute.") % facts, messages.WARNING
    )


def refund(order: Order, by: Actor, *, amount: Decimal, reason: str, restock: bool, key: str) -> ActionResult:
    """Refund `amount`; the same `key` continues the same refund and never pays twice."""
    after = services.refund_order(order, amount=amount, reason=reason, restock=restock, idempotency_key=key, by=by)
    return _refund_result(after, key)


def cancel(order: Order, by: Actor, *, reason: str, key: str) -> ActionResult:
    """Withdraw an unpaid order; refund and restock a paid one that has not been shipped."""
    after = services.cancel_order(order, reason=reason, idempotency_key=key, by=by)
    if Refund.objects.under(after.payment_id, key) is not None:
        return _refund_result(after, key)
    facts = {"number": after.number}
    if after.status == OrderStatus.REFUNDED:
        return ActionResult(
            _("Order %(number)s is closed and its goods are back in stock. A dispute had taken its money already.")
            % facts
        )
    if after.status == OrderStatus.CANCELLED:
        return ActionResult(
            _("Order %(number)s is cancelled. Nothing was charged, and its goods can be sold again.") % facts
        )
    if after.status == OrderStatus.PAID:
        return ActionResult(
            _("Order %(number)s was paid before it could be cancelled. Cancel it again to refund it.") % facts,
            messages.WARNING,
        )
    if after.status == OrderStatus.CANCELLING:
        return ActionResult(
            _("Order %(number)s is being cancelled. All of its money is on its way back already.") % facts
        )
    return ActionResult(
        _("The provider gave no clear answer: order %(number)s is still pending.") % facts, messages.WARNING
    )


def pay_by_hand(refund: Refund, by: Actor, *, reason: str) -> ActionResult:
    """Record that a failed refund was paid another way."""
    order = services.pay_refund_by_hand(refund, reason=reason, by=by)
    return ActionResult(
        _("The refund of %(amount)s for order %(number)s is recorded as paid by hand.")
        % {"amount": money(refund.amount, order.currency), "number": order.number}
    )


def _refund_result(order: Order, key: str) -> ActionResult:
    made = Refund.objects.get(payment=order.payment_id, idempotency_key=key)
    facts = {"amount": money(made.amount, order.currency), "number": order.number, "error": made.error}
    if made.status == RefundStatus.FAILED:
        return ActionResult(
            _("The provider refused to refund %(amount)s: %(error)s Refund it again, or pay it another way.") % facts,
            messages.ERROR,
        )
    if made.status == RefundStatus.PENDING:
        return ActionResult(
            _(
                "The provider has accepted the refund of %(amount)s for order %(number)s. It can take some days; this "
                "page shows when it is paid."
            )
            % facts,
            messages.INFO,
        )
    if made.status != RefundStatus.SUCCEEDED:
        return ActionResult(
            _(
                "The provider has not confirmed the refund of %(amount)s for order %(number)s. "
                "It stays open; ask again from this page in a minute. Nothing is paid twice."
            )
            % facts,
            messages.WARNING,
        )
    if order.status != OrderStatus.REFUNDED:
        return ActionResult(_("%(amount)s of order %(number)s has been refunded.") % facts)
    if order.restock_on_refund:
        return ActionResult(
            _("%(amount)s has been refunded. Order %(number)s is fully refunded and its goods are back in stock.")
            % facts
        )
    return ActionResult(
        _("%(amount)s has been refunded. Order %(number)s is fully refunded; its goods stay out of stock.") % facts
    )


@dataclass(frozen=True)
class OrderAction:
    """A one-click action and the permission (of this app) that it needs.

    `offered` decides whether the button is shown; the service decides whether the action is allowed.
    """

    permission: str
    do: Callable[[Order, Actor], ActionResult]
    label: str | Promise
    offered: Callable[[Order], bool]


def _is_unsettled(order: Order) -> bool:
    return order.current_attempt is not None and not order.current_attempt.is_settled


ORDER_ACTIONS = {
    "ship": OrderAction("ship_order", ship, pgettext_lazy("button", "Mark as shipped"), lambda order: order.may_ship),
    "deliver": OrderAction(
        "ship_order",
        deliver,
        pgettext_lazy("button", "Mark as delivered"),
        lambda order: order.shown_status == OrderStatus.SHIPPED,
    ),
    "ask": OrderAction("ask_provider", ask, gettext_lazy("Ask the provider now"), _is_unsettled),
    "resend": OrderAction(
        "resend_mail", resend, gettext_lazy("Send the confirmation again"), lambda order: order.paid_at is not None
    ),
}
