"""What staff and shoppers do with an order after it was placed.

Verbs that move money call the provider with no transaction open and write what came of it afterwards; each may be
repeated after a crash.
"""

from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.exceptions import OrderNotAdvanced, OrderNotCancellable
from checkout.models import Order, OrderStatus
from checkout.place_order import give_up_waiting_order
from checkout.settle import settle
from config import metrics
from config.accounts.models import User
from inventory import services as inventory
from payments import services as payments
from payments.models import Payment, PaymentAttempt, Refund

REFUNDABLE = [OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]


def give_to_account(cart_token: str, user: User) -> int:
    """Let a guest's orders of this cart stand in the account of the same e-mail; returns how many were given.

    Both are asked for: an address that nobody has confirmed proves nothing, and a browser may be shared.
    """
    mine = Order.objects.filter(cart__token=cart_token, user=None, email__iexact=user.email)
    return mine.update(user=user)


def cancel_waiting_payment(order: Order) -> None:
    """The shopper gives up a payment that waits for them: the cart is theirs to change again.

    Does nothing where the order no longer waits. Raises CheckoutInProgress while the outcome is unknown, and
    PaymentUnavailable.
    """
    give_up_waiting_order(order.cart.token, order.cart.user_id)


def cancel_order(order: Order, *, reason: str, idempotency_key: str) -> Order:
    """Call an order off: an unpaid one is withdrawn, a paid one that has not left is refunded and restocked.

    Raises OrderNotCancellable, PaymentUnavailable, RefundRefused.
    """
    if order.status == OrderStatus.AWAITING_PAYMENT:
        return _withdraw(order)
    if order.status == OrderStatus.PAID:
        left = payments.refundable(order.payment)
        return refund_order(order, amount=left, reason=reason, restock=True, idempotency_key=idempotency_key)
    raise OrderNotCancellable(
        _("Order %(number)s is %(status)s and can no longer be cancelled. Refund it instead.")
        % {"number": order.number, "status": order.get_status_display()}
    )


def _withdraw(order: Order) -> Order:
    attempt = Order.objects.with_payment().get(pk=order.pk).current_attempt
    if attempt is None or attempt.status != PaymentAttempt.Status.ACTION:
        raise OrderNotCancellable(
            _("The bank has not answered yet for order %(number)s. Wait a minute and try again.")
            % {"number": order.number}
        )
    return settle(attempt.pk, payments.void(attempt))


def refund_order(order: Order, *, amount: Decimal, reason: str, restock: bool, idempotency_key: str) -> Order:
    """Pay back `amount`. Once everything is paid back the order is `refunded`; its goods return to stock if `restock`.

    The same `idempotency_key` never pays twice. Raises OrderNotCancellable, RefundRefused and PaymentUnavailable.
    """
    if order.status not in REFUNDABLE:
        raise OrderNotCancellable(
            _("Order %(number)s is %(status)s: there is nothing to refund.")
            % {"number": order.number, "status": order.get_status_display()}
        )
    if restock:
        # Kept with the order, so that it also happens where the provider's answer comes only later.
        Order.objects.filter(pk=order.pk).update(restock_on_refund=True)
    refund = payments.refund(order.payment_id, amount, reason, idempotency_key=idempotency_key)
    if refund.status != Refund.Status.SUCCEEDED:
        return order
    return record_refund(order.payment_id)


@transaction.atomic
def record_refund(payment_id: UUID) -> Order:
    """Let the order follow its payment: all money back makes a refunded order. Safe to repeat. Locks the order."""
    order = Order.objects.select_related("payment").locked().get(payment=payment_id)
    if order.payment.status != Payment.Status.REFUNDED or order.status not in REFUNDABLE:
        return order
    if order.restock_on_refund:
        inventory.restock(order.number)
    order.status = OrderStatus.REFUNDED
    order.closed_at = timezone.now()
    order.save(update_fields=["status", "closed_at"])
    metrics.order_became(order.status)
    return order


def mark_shipped(order: Order) -> Order:
    """The parcel has left. Raises OrderNotAdvanced unless the order is paid."""
    return _advance(order, OrderStatus.PAID, OrderStatus.SHIPPED)


def mark_delivered(order: Order) -> Order:
    """The parcel has arrived. Raises OrderNotAdvanced unless the order was shipped."""
    return _advance(order, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


@transaction.atomic
def _advance(order: Order, origin: OrderStatus, target: OrderStatus) -> Order:
    order = Order.objects.locked().get(pk=order.pk)
    if order.status != origin:
        raise OrderNotAdvanced(
            _("Order %(number)s is %(status)s; only one that is %(origin)s can become %(target)s.")
            % {
                "number": order.number,
                "status": order.get_status_display(),
                "origin": origin.label,
                "target": target.label,
            }
        )
    order.status = target
    order.save(update_fields=["status"])
    metrics.order_became(order.status)
    return order
