"""The relay of the outbox: what an order's transaction promised is done here, at least once and in practice once.

A message is taken by moving its `due_at` on and committing that; then it is sent with no transaction open, and marked.
A relay that dies in between loses only its turn: the message comes up again after its back-off.
"""

import logging
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import emails
from checkout.exceptions import OrderNotAdvanced
from checkout.metrics import swept
from checkout.models import MessageKind, Order, OutboxMessage
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from payments import refunds
from payments.models import RefundStatus

logger = logging.getLogger(__name__)

RESEND = AuditEvent("message.resend", _("resent the confirmation"))
SEND_NOW = AuditEvent("message.hasten", _("sent a message immediately"))

BATCH = 50


class RefundNotDone(Exception):
    """The provider has not confirmed the refund; it is asked again later, under the same key."""


def relay() -> int:
    """Send what is due, at most one batch; returns how many were sent. Safe to run in several workers at once."""
    with transaction.atomic():
        taken = OutboxMessage.objects.take(timezone.now(), BATCH)
    sent = sum(_send(message) for message in taken)
    swept.labels("outbox").inc(sent)
    return sent


def _send(message: OutboxMessage) -> bool:
    try:
        if message.kind == MessageKind.CONFIRMATION:
            emails.send_confirmation(message.order_id)
        else:
            _refund(message)
    except Exception as error:  # whatever stops one message must not stop the others
        logger.exception("Message %s of order %s was not sent", message.kind, message.order_id)
        OutboxMessage.objects.filter(pk=message.pk).update(last_error=f"{type(error).__name__}: {error}"[:200])
        return False
    OutboxMessage.objects.filter(pk=message.pk).update(sent_at=timezone.now(), last_error="")
    return True


def _refund(message: OutboxMessage) -> None:
    order = Order.objects.with_payment().get(pk=message.order_id)
    refund = refunds.refund(
        order.payment.pk,
        order.payment.captured,
        reason="paid too late",
        idempotency_key=f"{order.number}-too-late",
    )
    if refund.status != RefundStatus.SUCCEEDED:
        raise RefundNotDone(f"The refund is {refund.status}: {refund.error}")


@transaction.atomic
def resend(order: Order, *, by: Actor = None) -> None:
    """Have the confirmation sent once more, at the relay's next round. Raises OrderNotAdvanced where it has none."""
    confirmations = OutboxMessage.objects.filter(order=order, kind=MessageKind.CONFIRMATION)
    if not confirmations.update(sent_at=None, due_at=timezone.now(), tries=0, last_error=""):
        raise OrderNotAdvanced(
            _("Order %(number)s is %(status)s and was never confirmed, so there is no confirmation to resend.")
            % {"number": order.number, "status": order.get_status_display()}
        )
    audit.record(by, RESEND, order, reference=order.number)


@transaction.atomic
def send_now(message_ids: Collection[int], *, by: Actor = None) -> int:
    """Let those of these messages that are not sent go at the relay's next round; returns how many."""
    unsent = OutboxMessage.objects.unsent().filter(pk__in=message_ids).select_related("order")
    messages = list(unsent.select_for_update(of=("self",)).order_by("pk"))
    OutboxMessage.objects.filter(pk__in=[message.pk for message in messages]).update(due_at=timezone.now())
    for message in messages:
        audit.record(by, SEND_NOW, message, reference=message.order.number)
    return len(messages)
