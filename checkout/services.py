"""What staff and shoppers do with an order after it was placed.

Verbs that move money call the provider with no transaction open and write what came of it afterwards; each may be
repeated after a crash. `by` is whoever of the staff does it: the audit log tells it, before a provider is called and
otherwise in the transaction of the change.
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
TAKE_BACK = AuditEvent("order.take_back", _("requested restocking"))


def give_to_account(cart_token: str, user: User) -> int:
    """Let a guest's orders of this cart stand in the account of the same e-mail; returns how many were given.

    Both are asked for: an address that nobody has confirmed proves nothing, and a browser may be shared.
    """
    mine = Order.objects.filter(cart__token=cart_token, user=None, email__iexact=user.email)
    return mine.update(user=user)


def cancel_order(order: Order, *, reason: str, idempotency_key: str, by: Actor = None) -> Order:
    """Call an order off: an unpaid one is withdrawn, a paid one that has not left is refunded and restocked.

    Raises OrderNotCancellable, PaymentUnavailable, RefundRefused.
    """
    if order.status == OrderStatus.AWAITING_PAYMENT:
        return _withdraw(order, reason, by)
    if order.status == OrderStatus.PAID:
        left = Payment.objects.get(pk=order.payment_id).refundable
        return refund_order(order, amount=left, reason=reason, restock=True, idempotency_key=idempotency_key, by=by)
    raise OrderNotCancellable(
        _("Order %(number)s is %(status)s and can no longer be cancelled. Refund it instead.")
        % {"number": order.number, "status": order.get_status_display()}
    )


def _withdraw(order: Order, reason: str, by: Actor) -> Order:
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
    """Pay back `amount`. Once everything is paid back the order is `refunded`; its goods return to stock if `restock`.

    The same `idempotency_key` never pays twice. Raises OrderNotCancellable, RefundRefused and PaymentUnavailable.
    """
    if order.status not in REFUNDABLE:
        raise OrderNotCancellable(
            _("Order %(number)s is %(status)s: there is nothing to refund.")
            % {"number": order.number, "status": order.get_status_display()}
        )
    if restock:
        _take_goods_back_once_refunded(order, by)
    settle_refund(refunds.begin(order.payment_id, amount, reason, idempotency_key=idempotency_key, by=by))
    return Order.objects.select_related("payment").get(pk=order.pk)


@transaction.atomic
def _take_goods_back_once_refunded(order: Order, by: Actor) -> None:
    """Kept with the order, so that it also happens where the provider's answer comes only later."""
    if Order.objects.filter(pk=order.pk, restock_on_refund=False).update(restock_on_refund=True):
        audit.record(by, TAKE_BACK, order, reference=order.number)


def settle_refund(row: Refund) -> Refund:
    """Ask the provider for a refund that was begun, write the answer, and let the order follow. Safe to repeat.

    Not inside a transaction. Raises PaymentUnavailable where the provider did nothing.
    """
    outcome = None if row.is_settled else refunds.ask(row)
    with transaction.atomic():
        # The order first, as in `settle`. In one transaction, or a crash in between would leave it paid for ever.
        order = Order.objects.locked().get(payment=row.payment_id)
        row = refunds.record(row, outcome) if outcome else row
        if row.payment.status == PaymentStatus.REFUNDED and order.status in REFUNDABLE:
            _close_refunded(order)
    return row


def _close_refunded(order: Order) -> None:
    """All money went back."""
    if order.restock_on_refund:
        reservations.restock(order.number)
    order.status = OrderStatus.REFUNDED
    order.closed_at = timezone.now()
    order.save(update_fields=["status", "closed_at"])
    metrics.count_order_on_commit(order.status)


def mark_shipped(order: Order, *, by: Actor = None) -> Order:
    """The parcel has left. Raises OrderNotAdvanced unless the order is paid."""
    return _advance(order, OrderStatus.PAID, OrderStatus.SHIPPED, SHIP, by)


def mark_delivered(order: Order, *, by: Actor = None) -> Order:
    """The parcel has arrived. Raises OrderNotAdvanced unless the order was shipped."""
    return _advance(order, OrderStatus.SHIPPED, OrderStatus.DELIVERED, DELIVER, by)


@transaction.atomic
def _advance(order: Order, origin: OrderStatus, target: OrderStatus, verb: AuditEvent, by: Actor) -> Order:
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
    audit.record(by, verb, order, reference=order.number, before={"status": origin}, after={"status": target})
    metrics.count_order_on_commit(order.status)
    return order
