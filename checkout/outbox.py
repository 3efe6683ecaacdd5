"""The outbox relay: delivers what an order's transaction enqueued, at least once and in practice once.

The relay takes a message by pushing its `due_at` into the future and committing; then it delivers the message with no
transaction open and marks it sent. A relay that dies in between loses only that try: the message is due again after its
backoff.
"""

import logging
import time
from collections.abc import Collection
from contextlib import closing

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import emails
from checkout.exceptions import OrderNotAdvanced
from checkout.metrics import swept
from checkout.models import MAILS, MessageKind, Order, OutboxMessage
from checkout.settle_refunds import settle_refund
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.resilience.mail_connection import MailConnection
from payments import refunds
from payments.models import RefundStatus

logger = logging.getLogger(__name__)

RESEND = AuditEvent("message.resend", _("resent a mail"))
SEND_NOW = AuditEvent("message.hasten", _("sent a message immediately"))

BATCH = 20
# Seconds of each round, less than the first backoff: what was taken is not due again before it is tried.
ROUND_SECONDS = 15.0
# Money first: no refund waits for a mail server that hangs.
ROUNDS = ([MessageKind.REFUND_DUE], MAILS)


class RefundNotDone(Exception):
    """The provider has not confirmed the refund, or has refused it. The relay asks again, or begins it anew."""


def relay() -> int:
    """Send what is due, refunds first, until nothing is due or the round's time is up; returns how many were sent.

    Safe to run in several workers at once.
    """
    sent = sum(_relay(kinds, time.monotonic() + ROUND_SECONDS) for kinds in ROUNDS)
    swept.labels("outbox").inc(sent)
    return sent


def _relay(kinds: Collection[MessageKind], deadline: float) -> int:
    sent, taken = 0, BATCH
    while taken == BATCH and time.monotonic() < deadline:
        with transaction.atomic():
            batch = OutboxMessage.objects.take(kinds, timezone.now(), BATCH)
            # What mails show, read for all at once. A refund reads its order when its turn comes.
            facts = emails.MailFacts.of(batch) if batch and kinds is MAILS else None
        taken = len(batch)
        with closing(MailConnection()) as mail_connection:
            while batch and time.monotonic() < deadline:
                sent += _send(batch.pop(0), facts, mail_connection)
        if batch:
            OutboxMessage.objects.give_back(batch, timezone.now())
    return sent


def _send(message: OutboxMessage, facts: emails.MailFacts | None, mail_connection: MailConnection) -> bool:
    try:
        done = emails.send(message, facts, mail_connection) if facts is not None else _refund(message)
    except Exception as error:  # one failing message must not block the others
        logger.exception("Message %s of order %s was not sent", message.kind, message.order_id)
        OutboxMessage.objects.filter(pk=message.pk).update(last_error=f"{type(error).__name__}: {error}"[:200])
        return False
    OutboxMessage.objects.mark_sent(message, timezone.now(), dropped=not done)
    return done


def _refund(message: OutboxMessage) -> bool:
    """Refund all that is left of an order's payment. Once the provider has accepted it, the sweeper follows it up."""
    order = Order.objects.get(pk=message.order_id)
    with transaction.atomic():
        row = refunds.begin_rest(order.payment_id, "paid too late", idempotency_key=f"{order.number}-too-late")
    if row is None:
        return True
    row = settle_refund(row)
    if row.status not in (RefundStatus.SUCCEEDED, RefundStatus.PENDING):
        raise RefundNotDone(f"The refund is {row.status}: {row.error}")
    return True


def resend_confirmation(order: Order, *, by: Actor = None) -> None:
    """As `resend`, of the order's confirmation. Raises OrderNotAdvanced also if it has none."""
    _refuse_without_address(order)
    confirmation = OutboxMessage.objects.filter(order=order, kind=MessageKind.CONFIRMATION).first()
    if confirmation is None:
        raise OrderNotAdvanced(
            _("Order %(number)s is %(status)s and was never confirmed, so there is no confirmation to resend.")
            % {"number": order.number, "status": order.get_status_display()}
        )
    resend(confirmation, by=by)


@transaction.atomic
def resend(message: OutboxMessage, *, by: Actor = None) -> None:
    """Make a mail due at the relay's next round, whether it was sent or not. Raises OrderNotAdvanced if there is nobody
    to send it to, or it is no longer true."""
    facts = emails.MailFacts.of([message])
    order = facts.orders[message.order_id]
    _refuse_without_address(order)
    if emails.build(message, facts) is None:
        raise OrderNotAdvanced(
            _("What this mail about order %(number)s says is no longer true, so it is not sent again.")
            % {"number": order.number}
        )
    OutboxMessage.objects.filter(pk=message.pk).mails().send_again(timezone.now())
    audit.record(by, RESEND, order, reference=order.number, after={"mail": message.kind})


def _refuse_without_address(order: Order) -> None:
    if not order.email:
        raise OrderNotAdvanced(
            _("Order %(number)s no longer has an e-mail address, so nothing can be sent.") % {"number": order.number}
        )


@transaction.atomic
def send_now(message_ids: Collection[int], *, by: Actor = None) -> int:
    """Make the unsent ones of these messages due at the relay's next round; returns how many they are."""
    unsent = OutboxMessage.objects.unsent().filter(pk__in=message_ids).select_related("order")
    messages = list(unsent.select_for_update(of=("self",)).order_by("pk"))
    OutboxMessage.objects.filter(pk__in=[message.pk for message in messages]).update(due_at=timezone.now())
    for message in messages:
        audit.record(by, SEND_NOW, message, reference=message.order.number)
    return len(messages)
