"""Which mail each status has; and the promises of those that tell how money moves, in the transaction of the fact."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from django.utils import timezone

from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from payments import provider
from payments.models import AttemptStatus, PaymentAttempt, PaymentMethod, Refund, RefundStatus

# The mails that tell that an order has got a status.
MAILS_OF: Final[Mapping[OrderStatus, frozenset[MessageKind]]] = {
    # A card waits only while its shopper is on the bank's page.
    OrderStatus.AWAITING_PAYMENT: frozenset({MessageKind.PAYMENT_WAITS}),
    OrderStatus.PAID: frozenset({MessageKind.CONFIRMATION, MessageKind.NEW_ORDER}),
    OrderStatus.PARTLY_SHIPPED: frozenset({MessageKind.PARCEL_POSTED}),
    OrderStatus.SHIPPED: frozenset({MessageKind.PARCEL_POSTED}),
    OrderStatus.DELIVERED: frozenset({MessageKind.PARCEL_DELIVERED}),
    OrderStatus.CANCELLING: frozenset({MessageKind.ORDER_CANCELLED}),
    OrderStatus.CANCELLED: frozenset(
        {
            MessageKind.PAYMENT_EXPIRED,
            MessageKind.PAYMENT_FAILED,
            MessageKind.PAID_TOO_LATE,
            MessageKind.ORDER_CANCELLED,
        }
    ),
    OrderStatus.REFUNDED: frozenset({MessageKind.REFUND_PAID}),
}
MAIL_OF_REFUND: Final[Mapping[RefundStatus, MessageKind]] = {
    RefundStatus.STARTED: MessageKind.REFUND_BEGUN,
    RefundStatus.PENDING: MessageKind.REFUND_BEGUN,
    RefundStatus.UNKNOWN: MessageKind.REFUND_BEGUN,
    RefundStatus.SUCCEEDED: MessageKind.REFUND_PAID,
    RefundStatus.FAILED: MessageKind.REFUND_FAILED,
}
# Most refunds are done at once, and one that failed is mostly sent again: a mail that is no longer true is dropped.
DELAYS: Final[Mapping[MessageKind, timedelta]] = {
    MessageKind.REFUND_BEGUN: timedelta(minutes=1),
    MessageKind.REFUND_FAILED: timedelta(hours=1),
}
# What ended earlier was told then, or by a release that told nothing.
NEWS = timedelta(hours=1)


class Canceller(Enum):
    """Who ends an order that is not paid: its payment, its shopper, who pays another way, or staff."""

    PAYMENT = auto()
    SHOPPER = auto()
    STAFF = auto()


def payment_waits(order: Order, attempt: PaymentAttempt) -> None:
    """Promise the Pix code of an order that has begun to wait for it. One statement for Pix, none for cards."""
    if attempt.payment.method == PaymentMethod.PIX and attempt.before != AttemptStatus.ACTION:
        _promise(order, MessageKind.PAYMENT_WAITS, attempt.pk)


def not_paid(order: Order, attempt: PaymentAttempt, by: Canceller) -> None:
    """Promise the mail about an order that ends unpaid, unless its shopper is told by the page that they wait for."""
    if by is Canceller.SHOPPER:
        return
    if by is Canceller.STAFF:
        order_cancelled(order)
        return
    if attempt.before == AttemptStatus.STARTED and not provider.is_first_call_over(attempt):
        return
    is_late_pix = attempt.payment.method == PaymentMethod.PIX and attempt.before == AttemptStatus.ACTION
    if is_late_pix or attempt.is_expired(timezone.now()):
        _promise(order, MessageKind.PAYMENT_EXPIRED, attempt.pk)
    else:
        _promise(order, MessageKind.PAYMENT_FAILED, attempt.pk)


def paid_too_late(order: Order) -> None:
    """Promise the mail about money that came when the order could no longer be completed."""
    _promise(order, MessageKind.PAID_TOO_LATE)


def order_cancelled(order: Order) -> None:
    _promise(order, MessageKind.ORDER_CANCELLED, order.payment_id)


def refunds_moved(order: Order) -> None:
    """Promise the mails about the refunds of a locked order, as they stand now, each once. Two statements at most.

    Where another mail tells that the money goes back, none says that a refund has begun. Of refunds that fail one
    after the other, the shopper hears of the first.
    """
    since = timezone.now() - NEWS
    told_already = order.status in (OrderStatus.CANCELLED, OrderStatus.CANCELLING)
    before, messages = None, []
    for refund in Refund.objects.filter(payment=order.payment_id).order_by("created_at", "pk"):
        failed_again = refund.status == before == RefundStatus.FAILED
        before = refund.status
        kind = MAIL_OF_REFUND[RefundStatus(refund.status)]
        is_old = refund.settled_at is not None and refund.settled_at < since
        if is_old or failed_again or (told_already and kind == MessageKind.REFUND_BEGUN):
            continue
        messages.append(_message(order, kind, refund.pk))
    OutboxMessage.objects.enqueue_all(messages if order.email else [])


def refund_paid_by_hand(order: Order, refund: Refund) -> None:
    """Promise the mail about a refund that was paid another way, even if the shopper has heard that it was paid."""
    _promise(order, MessageKind.REFUND_PAID, refund.pk)
    told = OutboxMessage.objects.filter(order=order, kind=MessageKind.REFUND_PAID, subject=str(refund.pk))
    told.send_again(timezone.now())


def _promise(order: Order, kind: MessageKind, subject: object = "") -> None:
    if order.email:
        OutboxMessage.objects.enqueue_all([_message(order, kind, subject)])


def _message(order: Order, kind: MessageKind, subject: object) -> OutboxMessage:
    due_at = timezone.now() + DELAYS.get(kind, timedelta())
    return OutboxMessage(order_id=order.pk, kind=kind, subject=str(subject), due_at=due_at)
