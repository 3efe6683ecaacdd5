"""What staff and shoppers do with an order after it is placed.

Functions that move money call the provider with no transaction open and record the outcome afterwards; each is safe to
repeat after a crash. `by` is the member of staff who acts; the audit log records it before the provider is called, or
in the transaction of the change if there is no such call.
"""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import metrics
from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import REFUNDABLE, Order, OrderStatus
from checkout.settle import settle
from config.accounts.models import User
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory import reservations
from payments import provider, refunds
from payments.models import AttemptStatus, Payment, PaymentStatus, Refund

SHIP = AuditEvent("order.ship", _("marked as shipped"))
DELIVER = AuditEvent("order.deliver", _("marked as delivered"))
CANCEL = AuditEvent("order.cancel", _("requested cancellation"))
RESTOCK = AuditEvent("order.take_back", _("requested restocking"))


def give_to_account(cart_token: str, user: User) -> int:
    """Attach the guest orders of this cart to the account with the same e-mail; returns how many were attached.

    Cart and e-mail must both match: an unverified e-mail proves nothing, and a browser may be shared.
    """
    guest_orders = Order.objects.filter(cart__token=cart_token, user=None, email__iexact=user.email)
    return guest_orders.update(user=user)


def cancel_order(order: Order, *, reason: str, idempotency_key: str, by: Actor = None) -> Order:
    """Cancel an order that has not shipped: void its pending payment, or refund and restock it if it is paid.

    Calls the provider, so it must not run inside a transaction. Raises OrderNotCancellable, PaymentUnavailable or
    RefundRefused.
    """
    if order.status == OrderStatus.AWAITING_PAYMENT:
        return _void_payment(order, reason, by)
    if order.status == OrderStatus.PAID:
        amount = Payment.objects.get(pk=order.payment_id).refundable
        return refund_order(order, amount=amount, reason=reason, restock=True, idempotency_key=idempotency_key, by=by)
    raise OrderNotCancellable(
        _("Order %(number)s is %(status)s and can no longer be cancelled. Refund it instead.")
        % {"number": order.number, "status": order.get_status_display()}
    )


def _void_payment(order: Order, reason: str, by: Actor) -> Order:
    attempt = Order.objects.with_payment().get(pk=order.pk).current_attempt
    if attempt is None or attempt.status != AttemptStatus.ACTION:
        raise OrderNotCancellable(
            _("The bank has not answered yet for order %(number)s. Wait a minute and try again.")
            % {"number": order.number}
        )
    audit.record(by, CANCEL, order, reason=reason, reference=order.number)
    return settle(attempt.pk, provider.void(attempt))


def refund_order(
    order: Order, *, amount: Decimal, reason: str, restock: bool, idempotency_key: str, by: Actor = None
) -> Order:
    """Refund `amount`, in the order's currency. Returns the order as it is afterwards.

    A fully refunded order becomes `refunded`; with `restock` its goods then return to stock. The same `idempotency_key`
    never refunds twice. Must not be called inside a transaction. Raises OrderNotCancellable, RefundRefused or
    PaymentUnavailable.
    """
    if order.status not in REFUNDABLE:
        raise OrderNotCancellable(
            _("Order %(number)s is %(status)s: there is nothing to refund.")
            % {"number": order.number, "status": order.get_status_display()}
        )
    if restock:
        _restock_on_refund(order, by)
    settle_refund(refunds.begin(order.payment_id, amount, reason, idempotency_key=idempotency_key, by=by))
    return Order.objects.select_related("payment").get(pk=order.pk)


@transaction.atomic
def _restock_on_refund(order: Order, by: Actor) -> None:
    """Store the wish on the order, so that it also holds if the provider's answer comes later."""
    if Order.objects.filter(pk=order.pk, restock_on_refund=False).update(restock_on_refund=True):
        audit.record(by, RESTOCK, order, reference=order.number)


def settle_refund(row: Refund) -> Refund:
    """Send a recorded refund to the provider, record its outcome and close a fully refunded order. Safe to repeat.

    Must not be called inside a transaction. Raises PaymentUnavailable if the provider has done nothing.
    """
    outcome = None if row.is_settled else refunds.ask(row)
    with transaction.atomic():
        # Locks the order first, as `settle` does. One transaction: a crash between the two writes would leave a
        # refunded order `paid` for ever.
        order = Order.objects.locked().get(payment=row.payment_id)
        row = refunds.record(row, outcome) if outcome else row
        if row.payment.status == PaymentStatus.REFUNDED and order.status in REFUNDABLE:
            _close_refunded(order)
    return row


def _close_refunded(order: Order) -> None:
    """Close a locked order whose payment is fully refunded."""
    if order.restock_on_refund:
        reservations.restock(order.number)
    order.status = OrderStatus.REFUNDED
    order.closed_at = timezone.now()
    order.save(update_fields=["status", "closed_at"])
    metrics.count_order_on_commit(order.status)


def mark_shipped(order: Order, *, by: Actor = None) -> Order:
    """Mark a paid order as shipped. Raises OrderNotAdvanced in any other status."""
    return _advance(order, OrderStatus.PAID, OrderStatus.SHIPPED, SHIP, by)


def mark_delivered(order: Order, *, by: Actor = None) -> Order:
    """Mark a shipped order as delivered. Raises OrderNotAdvanced in any other status."""
    return _advance(order, OrderStatus.SHIPPED, OrderStatus.DELIVERED, DELIVER, by)


@transaction.atomic
def _advance(order: Order, origin: OrderStatus, target: OrderStatus, event: AuditEvent, by: Actor) -> Order:
    order = Order.objects.locked().get(pk=order.pk)
    if order.status != origin:
        raise OrderNotAdvanced(
            _("Order %(number)s is %(status)s; only an order that is %(origin)s can become %(target)s.")
            % {
                "number": order.number,
                "status": order.get_status_display(),
                "origin": origin.label,
                "target": target.label,
            }
        )
    order.status = target
    order.save(update_fields=["status"])
    audit.record(by, event, order, reference=order.number, before={"status": origin}, after={"status": target})
    metrics.count_order_on_commit(order.status)
    return order
