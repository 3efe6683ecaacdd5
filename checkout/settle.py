"""What an answer of the provider does to an order: the one place where an order is paid or given up.

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
from checkout import metrics
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.signals import order_placed
from config.telemetry import logs
from inventory import reservations
from inventory.exceptions import InsufficientStock, ReservationExpired
from payments import provider
from payments import services as payments
from payments.gateways.base import Outcome
from payments.models import AttemptStatus

logger = logging.getLogger(__name__)


@logs.about()
@metrics.checkout_stage("settle")
def settle(attempt_id: UUID, outcome: Outcome) -> Order:
    """Record what the provider said of an attempt and move the order with it. Safe to repeat.

    One transaction; locks the cart and the order, then the payment, then stock. Must not be called inside another one
    that may still roll back. Raises Order.DoesNotExist where the attempt belongs to no order.
    """
    with transaction.atomic():
        order = Order.objects.fetch_locked_by_attempt(attempt_id)
        logs.remember(cart=order.cart_id, order=order.number, attempt=attempt_id)
        attempt = payments.record_outcome(attempt_id, outcome)
        order.payment, order.current_attempt = attempt.payment, attempt
        if attempt.status == AttemptStatus.APPROVED:
            _accept_money(order, attempt.captured)
        elif attempt.status in (AttemptStatus.DECLINED, AttemptStatus.CANCELLED):
            _give_up(order)
    logger.info("Order %s is %s, attempt %s is %s", order.number, order.status, attempt.pk, attempt.status)
    return order


def cancel_pending_payment(cart_token: str, user_id: int | None) -> None:
    """Void the payment that still waits for the shopper, so that the cart is theirs to change again.

    Does nothing where no order of the cart waits. Asks the provider, so not inside a transaction. Raises
    CheckoutInProgress where the provider has not answered yet (that money may be on its way), and PaymentUnavailable.
    An order that turns out to be paid stays paid.
    """
    order = Order.objects.fetch_awaiting(cart_token, user_id)
    attempt = order.current_attempt if order else None
    if attempt is None:
        return
    if attempt.status != AttemptStatus.ACTION:
        raise CheckoutInProgress
    settle(attempt.pk, provider.void(attempt))


def _accept_money(order: Order, captured: Decimal) -> None:
    """Paid goods become a sale. Money that is not what was agreed, or whose goods are gone, goes back in full."""
    if order.status == OrderStatus.AWAITING_PAYMENT:
        if captured == order.total and _take_goods(order):
            _pay(order)
        else:
            _give_up(order)
            _owe_refund(order)
    elif order.status == OrderStatus.CANCELLED:
        _owe_refund(order)


def _take_goods(order: Order) -> bool:
    """Turn the hold into a sale. A hold that has run out is taken anew where the goods are still there."""
    try:
        reservations.commit(order.number)
    except ReservationExpired:
        demand = {line.product_id: line.quantity for line in order.lines.all()}
        try:
            with transaction.atomic():
                reservations.reserve(order.number, demand, expires_at=_hold_expiry())
        except InsufficientStock:
            return False
        reservations.commit(order.number)
    return True


def _hold_expiry() -> datetime:
    return timezone.now() + timedelta(minutes=settings.STOCK_HOLD_MINUTES)


def _pay(order: Order) -> None:
    Order.objects.pay(order, timezone.now())
    metrics.count_order_on_commit(order.status)
    metrics.count_revenue_on_commit(order.total, order.currency)
    carts.mark_ordered(order.cart)

    def announce() -> None:
        order_placed.send_robust(sender=Order, order=order)

    transaction.on_commit(announce, robust=True)


def _give_up(order: Order) -> None:
    """The order will not be paid: its goods are free again and its cart is open again, with nothing lost."""
    if order.status != OrderStatus.AWAITING_PAYMENT:
        return
    reservations.release(order.number)
    order.status = OrderStatus.CANCELLED
    order.closed_at = timezone.now()
    order.save(update_fields=["status", "closed_at"])
    metrics.count_order_on_commit(order.status)
    carts.reopen(order.cart)


def _owe_refund(order: Order) -> None:
    """Have the money sent back: by the outbox, since no provider is called inside a transaction."""
    logger.warning("Order %s was paid too late or not as agreed, its money goes back", order.number)
    OutboxMessage.objects.get_or_create(order=order, kind=MessageKind.REFUND_DUE, defaults={"due_at": timezone.now()})
