"""The mails about an order that waits for its payment, or was not paid."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from checkout.letters.letter import Letter, LetterType
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from config.formats import money
from payments.models import AttemptStatus, PaymentAttempt, PaymentMethod

# Whoever orders without paying chooses who gets these mails: more within an hour are dropped.
MAILS_AN_HOUR = 6


@dataclass(frozen=True)
class UnpaidTopic:
    """An attempt; and how many such mails each address of the batch has got within the last hour."""

    attempt: PaymentAttempt
    sent: Counter[str]


def _load(attempt_ids: Collection[UUID]) -> Mapping[UUID, UnpaidTopic]:
    attempts = PaymentAttempt.objects.with_payment().in_bulk(attempt_ids)
    orders = Order.objects.filter(payment__attempts__in=list(attempts))
    lately = OutboxMessage.objects.filter(kind__in=_TO_ANYBODY)
    sent = lately.count_sent(timezone.now() - timedelta(hours=1), orders)
    return {pk: UnpaidTopic(attempt, sent) for pk, attempt in attempts.items()}


def _bounded(write: Callable[[Order, PaymentAttempt], Letter | None]) -> LetterType:
    def letter(order: Order, topic: UnpaidTopic | None) -> Letter | None:
        written = write(order, topic.attempt) if topic else None
        if topic is None or written is None:
            return None
        topic.sent[order.email] += 1
        return written if topic.sent[order.email] <= MAILS_AN_HOUR else None

    return LetterType(letter, _load)


def _waits(order: Order, attempt: PaymentAttempt) -> Letter | None:
    code = (attempt.action or {}).get("qr_code")
    if not code or attempt.status != AttemptStatus.ACTION or attempt.is_expired(timezone.now()):
        return None
    facts = {"number": order.number, "amount": money(order.total, order.currency)}
    shown = [(_("Amount"), facts["amount"])]
    if attempt.expires_at:
        moment = date_format(timezone.localtime(attempt.expires_at), "SHORT_DATETIME_FORMAT")
        shown.append((_("Pay until"), _("%(moment)s (Brasília time)") % {"moment": moment}))
    return Letter(
        _("Pay your order %(number)s with Pix") % facts,
        [
            _("Your items are reserved. To complete order %(number)s, pay %(amount)s with Pix.") % facts,
            _("Copy the code below, open your bank's app, choose Pix copy-and-paste, and paste it there."),
            _("If you have already paid, there is nothing more to do: the confirmation is on its way."),
        ],
        facts=shown,
        code=code,
    )


def _expired(order: Order, attempt: PaymentAttempt) -> Letter | None:
    if order.status != OrderStatus.CANCELLED:
        return None
    number = {"number": order.number}
    if attempt.payment.method == PaymentMethod.PIX:
        told = [
            _("Your Pix for order %(number)s has not reached us in time, so the order was cancelled.") % number,
            _("Please do not use its code any more. If you paid at the last moment, you get all of it back."),
        ]
    else:
        told = [
            _("Your bank has not confirmed the payment of order %(number)s in time, so the order was cancelled.")
            % number,
            _("Nothing was charged."),
        ]
    return Letter(_("Your order %(number)s was not paid in time") % number, [*told, _still_in_cart()])


def _failed(order: Order, _attempt: PaymentAttempt) -> Letter | None:
    if order.status != OrderStatus.CANCELLED:
        return None
    number = {"number": order.number}
    return Letter(
        _("The payment of your order %(number)s did not go through") % number,
        [
            _("The payment of your order %(number)s could not be completed, so the order was cancelled.") % number,
            _("Nothing was charged."),
            _still_in_cart(),
        ],
    )


def _still_in_cart() -> str:
    return _("Do you still want the items? They are still in your cart: order again, and pay by card or Pix.")


def _too_late(order: Order, _topic: Any) -> Letter:
    number = {"number": order.number}
    return Letter(
        _("You get your money back: order %(number)s") % number,
        [
            _("Your payment has reached us, but order %(number)s could not be completed with it.") % number,
            _("You get all of it back the way you paid, without doing anything. We write again once it is done."),
        ],
    )


LETTERS = {
    MessageKind.PAYMENT_WAITS: _bounded(_waits),
    MessageKind.PAYMENT_EXPIRED: _bounded(_expired),
    MessageKind.PAYMENT_FAILED: _bounded(_failed),
    MessageKind.PAID_TOO_LATE: LetterType(_too_late),
}
_TO_ANYBODY = [MessageKind.PAYMENT_WAITS, MessageKind.PAYMENT_EXPIRED, MessageKind.PAYMENT_FAILED]
