"""Apply to an order what the provider says of its money after the sale: refunds and disputes, whoever began them.

Refunds end here whether staff, the shop itself or the provider's dashboard began them. No function may be called inside
a transaction: each asks the provider first, and then writes everything in one transaction, which locks the order and
then the payment. All are safe to repeat.
"""

from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from checkout import metrics, notices
from checkout.models import (
    REFUNDABLE,
    GivenBack,
    MessageKind,
    Order,
    OrderStatus,
    OutboxMessage,
    ReturnLine,
    ShipmentLine,
)
from checkout.settle import settle
from config.money import ZERO
from inventory import reservations
from payments import charges, provider, refunds
from payments.disputes import open_dispute_of
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import ProviderDispute
from payments.models import AttemptStatus, Payment, PaymentAttempt, PaymentStatus, Refund, RefundStatus
from shipping import labels

# A refund of money that should never have been taken, and that fails after the provider had accepted it, is begun anew
# after this long.
BEGIN_ANEW_AFTER = timedelta(hours=1)


def settle_refund(row: Refund) -> Refund:
    """Send a recorded refund to the provider, or ask how far it is; record the answer and move the order.

    Raises PaymentUnavailable if the provider has done nothing.
    """
    outcome = None if row.is_settled else refunds.ask(row)
    with transaction.atomic():
        # One transaction: a crash between the two writes would leave a refunded order `paid` for ever.
        order = Order.objects.locked().get(payment=row.payment_id)
        row = refunds.record(row, outcome) if outcome else row
        _follow(order, row.payment)
    if outcome and outcome.already_done:
        # Somebody else has paid it back. If the provider cannot tell more now, its own event does.
        with suppress(PaymentUnavailable):
            settle_charge(row.attempt)
            row.refresh_from_db()
    return row


def settle_charge(attempt: PaymentAttempt) -> Order:
    """Ask the provider what became of a charge and record it.

    Raises PaymentUnavailable, and Order.DoesNotExist if the attempt belongs to no order.
    """
    charge = charges.ask(attempt)
    if charge.captured and attempt.status != AttemptStatus.APPROVED:
        # The news of the capture is still on its way. It comes first, or the order would never learn of it.
        settle(attempt.pk, provider.ask(attempt))
    with transaction.atomic():
        order = Order.objects.fetch_locked_by_attempt(attempt.pk)
        _follow(order, charges.record(attempt.pk, charge))
    return order


def settle_warning(attempt: PaymentAttempt, warning: ProviderDispute) -> None:
    """Record a warning of fraud: until staff dismiss it the order does not ship."""
    with transaction.atomic():
        Order.objects.fetch_locked_by_attempt(attempt.pk)
        charges.record_warning(attempt, warning)


def enter_cancelling(order: Order, *, restock: bool) -> None:
    """Only a locked order that is paid or partly shipped enters it; no goods leave any more, and labels are cancelled.
    In the caller's transaction."""
    labels.cancel_all(order.number)
    order.status = OrderStatus.CANCELLING
    order.restock_on_refund = restock
    order.save(update_fields=["status", "restock_on_refund"])
    metrics.count_order_on_commit(order.status)
    notices.order_cancelled(order)


def close_if_returned(order: Order, payment: Payment) -> bool:
    """Close a locked order whose money has all gone back; returns whether it did. In the caller's transaction."""
    if not _has_gone_back(order, payment):
        return False
    _close_refunded(order)
    return True


def _follow(order: Order, payment: Payment) -> None:
    """Move a locked order as its money has moved."""
    if order.is_to_ship and _dashboard_returns_all(order):
        enter_cancelling(order, restock=True)
    notices.refunds_moved(order)
    if close_if_returned(order, payment):
        return
    if order.status == OrderStatus.CANCELLED and _has_failed(payment):
        OutboxMessage.objects.filter(order=order, kind=MessageKind.REFUND_DUE).exclude(sent_at=None).update(
            sent_at=None, due_at=timezone.now() + BEGIN_ANEW_AFTER, tries=0
        )


def _dashboard_returns_all(order: Order) -> bool:
    """Whether a refund made at the provider takes all that is left. While a dispute is open, the bank decides."""
    made = Refund.objects.filter(payment=order.payment_id).holding_money()
    last = made.order_by("created_at", "pk").last()
    if last is None or not last.made_at_provider or open_dispute_of(order.payment_id) is not None:
        return False
    return Payment.objects.with_books().get(pk=order.payment_id).refundable <= ZERO


def _has_gone_back(order: Order, payment: Payment) -> bool:
    if payment.status == PaymentStatus.REFUNDED:
        return order.status in (*REFUNDABLE, OrderStatus.CANCELLING)
    # What a lost dispute has taken cannot be refunded, and needs not be.
    return order.status == OrderStatus.CANCELLING and payment.kept <= ZERO


def _has_failed(payment: Payment) -> bool:
    """Whether the last refund failed and what it was to pay back is still here."""
    last = payment.refunds.order_by("created_at", "pk").last()
    return last is not None and last.status == RefundStatus.FAILED and payment.refundable > ZERO


def _close_refunded(order: Order) -> None:
    """Close a locked order whose money has gone back."""
    if _is_to_restock(order):
        reservations.restock(order.number, _to_restock(order), up_to=order.has_returns)
    order.status = OrderStatus.REFUNDED
    order.closed_at = timezone.now()
    order.save(update_fields=["status", "closed_at"])
    metrics.count_order_on_commit(order.status)


def _to_restock(order: Order) -> dict[int, int] | None:
    """What to put back by product id. Goods of a part that has left do not come back by a click: only the others do.

    None, all of it, if nothing has left, and if everything has: then staff say that the goods are here again. Not what
    a return has brought back already, on the shelf or broken.
    """
    if not order.has_returns and not ShipmentLine.objects.sent(order.pk):
        return None
    left = order.left_to_send()
    if not left and not order.has_returns:
        return None
    if not left:
        given_back = ReturnLine.objects.given_back(order.pk)
        left = {line.pk: line.quantity - given_back.get(line.pk, GivenBack()).found for line in order.lines.all()}
    return {line.product_id: left[line.pk] for line in order.lines.all() if left.get(line.pk)}


def _is_to_restock(order: Order) -> bool:
    """What the last refund that was paid says; a refund that failed has no say.

    One that was made at the provider says nothing of goods: those of an order that was being cancelled have not left.
    """
    last = Refund.objects.filter(payment=order.payment_id).paid().order_by("created_at", "pk").last()
    if last is not None and last.made_at_provider:
        return order.status == OrderStatus.CANCELLING and order.restock_on_refund
    if last is None or last.restock is None:
        return order.restock_on_refund
    return last.restock
