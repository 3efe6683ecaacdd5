"""Apply a provider's outcome to an order: the only place where an order becomes paid or cancelled by its payment.

Browser, app, webhook and sweeper all end here, in any order and any number of times, with the same final state.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cart import services as carts
from cart.exceptions import CheckoutInProgress
from checkout import metrics, notices
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.notices import Canceller
from checkout.signals import order_placed
from config.telemetry import logs
from inventory import reservations
from inventory.exceptions import InsufficientStock, ReservationExpired
from payments import provider
from payments import services as payments
from payments.gateways.base import Outcome
from payments.models import AttemptStatus, PaymentAttempt, PaymentMethod

logger = logging.getLogger(__name__)


@logs.about()
@metrics.checkout_stage("settle")
def settle(attempt_id: UUID, outcome: Outcome, *, by: Canceller = Canceller.PAYMENT) -> Order:
    """Record the outcome of a payment attempt and move its order accordingly. Safe to repeat. `by` is who ends the
    order, if the outcome does.

    One transaction; locks the cart and the order, then the payment, then stock. Must not be called inside another
    transaction that may still roll back. Raises Order.DoesNotExist if the attempt belongs to no order.
    """
    with transaction.atomic():
        order = Order.objects.fetch_locked_by_attempt(attempt_id)
        logs.remember(cart=order.cart_id, order=order.number, attempt=attempt_id)
        attempt = payments.record_outcome(attempt_id, outcome)
        order.payment, order.current_attempt = attempt.payment, attempt
        if attempt.status == AttemptStatus.APPROVED:
            _accept_capture(order, attempt.captured)
        elif attempt.status in (AttemptStatus.DECLINED, AttemptStatus.CANCELLED):
            _cancel_unpaid(order, attempt, by)
        elif attempt.status == AttemptStatus.ACTION:
            notices.payment_waits(order, attempt)
    logger.info("Order %s is %s, attempt %s is %s", order.number, order.status, attempt.pk, attempt.status)
    return order


def cancel_pending_payment(cart_token: str, user_id: int | None) -> None:
    """Void the payment that waits for the shopper, so that the cart opens again.

    Does nothing if the cart has no order awaiting payment. An order that turns out to be paid stays paid. Calls the
    provider, so it must not run inside a transaction.

    Raises CheckoutInProgress if the attempt has no answer yet (its money may be on its way), and PaymentUnavailable.
    """
    order = Order.objects.fetch_awaiting(cart_token, user_id)
    attempt = order.current_attempt if order else None
    if attempt is None:
        return
    if attempt.status != AttemptStatus.ACTION:
        raise CheckoutInProgress
    settle(attempt.pk, provider.void(attempt), by=Canceller.SHOPPER)


def _accept_capture(order: Order, captured: Decimal) -> None:
    """Complete the sale, or refund in full if the amount is wrong, the stock is gone or the order was cancelled."""
    if order.status == OrderStatus.AWAITING_PAYMENT:
        if captured == order.total and _commit_stock(order):
            _mark_paid(order)
        else:
            _cancel(order)
            _enqueue_refund(order)
    elif order.status == OrderStatus.CANCELLED:
        _enqueue_refund(order)


def _commit_stock(order: Order) -> bool:
    """Commit the reservation, reserving again if it has expired. Returns False if the stock is gone."""
    try:
        reservations.commit(order.number)
    except ReservationExpired:
        quantities = {line.product_id: line.quantity for line in order.lines.all()}
        try:
            with transaction.atomic():
                reservations.reserve(order.number, quantities, expires_at=_reservation_expiry())
        except InsufficientStock:
            return False
        reservations.commit(order.number)
    return True


def _reservation_expiry() -> datetime:
    return timezone.now() + timedelta(minutes=settings.STOCK_HOLD_MINUTES)


def _mark_paid(order: Order) -> None:
    """Mark the order paid and its cart ordered; `order_placed` is sent after the commit."""
    Order.objects.pay(order, timezone.now())
    metrics.count_order_on_commit(order.status)
    metrics.count_revenue_on_commit(order.total, order.currency)
    carts.mark_ordered(order.cart)

    def send_order_placed() -> None:
        order_placed.send_robust(sender=Order, order=order)

    transaction.on_commit(send_order_placed, robust=True)


def _is_declined_card(attempt: PaymentAttempt) -> bool:
    return attempt.status == AttemptStatus.DECLINED and attempt.payment.method == PaymentMethod.CARD


def _cancel_unpaid(order: Order, attempt: PaymentAttempt, by: Canceller) -> None:
    if order.status == OrderStatus.AWAITING_PAYMENT:
        _cancel(order, card_declined=_is_declined_card(attempt))
        notices.not_paid(order, attempt, by)


def _cancel(order: Order, *, card_declined: bool = False) -> None:
    """Cancel an unpaid order: release its stock and reopen its cart."""
    reservations.release(order.number)
    order.status = OrderStatus.CANCELLED
    order.closed_at = timezone.now()
    order.card_declined = card_declined
    order.save(update_fields=["status", "closed_at", "card_declined"])
    metrics.count_order_on_commit(order.status)
    carts.reopen(order.cart, card_declined=card_declined)


def _enqueue_refund(order: Order) -> None:
    """Queue a full refund in the outbox, because no provider is called inside a transaction. Safe to repeat."""
    logger.warning("Order %s was paid too late or not as agreed; refunding it in full", order.number)
    OutboxMessage.objects.get_or_create(order=order, kind=MessageKind.REFUND_DUE, defaults={"due_at": timezone.now()})
    notices.paid_too_late(order)
