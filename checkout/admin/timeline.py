"""Everything that happened to an order, oldest first, gathered from all apps.

Stock has no timestamps of its own: it is committed, released and returned in the transactions that pay, cancel and
refund the order, so it uses the order's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Union

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from checkout.models import MessageKind, Order, OutboxMessage, Return, Shipment
from config.audit.events import label_for
from config.audit.models import Entry
from config.backoffice.base import moment
from config.db.statuses import BAD, BUSY, GOOD, QUIET
from config.formats import money
from inventory.models import Reservation, ReservationStatus
from payments.models import (
    AttemptStatus,
    Dispute,
    DisputeStatus,
    PaymentAttempt,
    Refund,
    RefundStatus,
    WebhookEvent,
)
from payments.refunds import REFUND

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text = Union[str, "_StrPromise"]

ORDER, PAYMENT, STOCK = _("order"), _("payment"), _("stock")
PROVIDER, PARCEL, MAIL, STAFF = _("provider"), _("parcel"), _("mail"), _("staff")
RETURN = _("return")


@dataclass(frozen=True)
class Step:
    """One event. `code` is a provider's reference or event type; `by` is a member of staff."""

    at: datetime
    kind: Text
    text: Text
    tone: str = QUIET
    detail: Text = ""
    code: str = ""
    by: str = ""
    url: str = ""
    open_refund: str = ""
    failed_refund: str = ""


def timeline(order: Order) -> list[Step]:
    """The steps of an order that was loaded with its history. Always three statements."""
    attempts = sorted(order.payment.attempts.all(), key=lambda attempt: attempt.created_at)
    entries = [entry for entry in Entry.objects.about(order.number) if entry.actor]
    started_by = {entry.object_id: entry.actor for entry in entries if entry.verb == REFUND.name}
    steps = [
        *(step for attempt in attempts for step in _attempt(attempt)),
        *_events(attempts),
        *_outcome(order),
        *_stock(order),
        *(step for refund in order.payment.refunds.all() for step in _refund(order, refund, started_by)),
        *(step for dispute in order.payment.disputes.all() for step in _dispute(order, dispute)),
        *(step for parcel in order.parcels for step in _parcel(parcel)),
        *(step for asked in order.return_requests for step in _return(asked)),
        *(step for message in order.messages.all() for step in _message(message)),
        *(_staff_action(entry) for entry in entries if entry.verb != REFUND.name),
    ]
    return [_placed(order, steps), *sorted(steps, key=lambda step: step.at)]


def _placed(order: Order, others: list[Step]) -> Step:
    """Always first, although its transaction writes stock and payment a moment before the order."""
    placed_at = min([order.placed_at, *(step.at for step in others)])
    method = order.payment.get_method_display()
    return Step(placed_at, ORDER, _("Order placed"), detail=f"{money(order.total, order.currency)} · {method}")


def _outcome(order: Order) -> Iterator[Step]:
    if order.paid_at:
        yield Step(order.paid_at, ORDER, _("Paid"), GOOD)
    if order.closed_at:
        yield Step(order.closed_at, ORDER, order.get_status_display().capitalize(), BAD)


def _attempt(attempt: PaymentAttempt) -> Iterator[Step]:
    yield Step(attempt.created_at, PAYMENT, _("Payment requested from the provider"))
    text = attempt.get_status_display().capitalize()
    why = attempt.decline_code or attempt.error
    if attempt.settled_at:
        tone = GOOD if attempt.status == AttemptStatus.APPROVED else BAD
        yield Step(attempt.settled_at, PAYMENT, text, tone, why, attempt.provider_reference)
    else:
        tone = BAD if attempt.status == AttemptStatus.UNKNOWN else BUSY
        yield Step(attempt.asked_at or attempt.created_at, PAYMENT, text, tone, why, attempt.provider_reference)


def _events(attempts: list[PaymentAttempt]) -> Iterator[Step]:
    references = [attempt.provider_reference for attempt in attempts if attempt.provider_reference]
    for event in WebhookEvent.objects.about(references):
        url = reverse("admin:payments_webhookevent_change", args=[event.pk])
        if event.handled_at:
            yield Step(event.received_at, PROVIDER, _("Webhook received"), GOOD, code=event.type, url=url)
        elif event.set_aside:
            why = event.get_set_aside_display()
            yield Step(event.received_at, PROVIDER, _("Webhook received"), QUIET, why, event.type, url=url)
        else:
            tone, detail = (BAD, event.last_error) if event.last_error else (BUSY, _("waiting"))
            yield Step(event.received_at, PROVIDER, _("Webhook received"), tone, detail, event.type, url=url)


def _stock(order: Order) -> Iterator[Step]:
    held = Reservation.objects.with_returned().filter(reference=order.number).first()
    if held is None:
        return
    until = _("until %(moment)s") % {"moment": moment(held.expires_at)}
    yield Step(held.created_at, STOCK, _("Goods reserved"), BUSY, until)
    if held.status == ReservationStatus.COMMITTED and order.paid_at:
        yield Step(order.paid_at, STOCK, _("Goods sold"), GOOD)
    elif held.status == ReservationStatus.RELEASED:
        yield Step(order.closed_at or held.expires_at, STOCK, _("Goods released"))
    if held.returned and order.closed_at:  # type: ignore[attr-defined]
        yield Step(order.closed_at, STOCK, _("Goods back in stock"), GOOD)


def _refund(order: Order, refund: Refund, started_by: dict[str, str]) -> Iterator[Step]:
    text = _("Refund of %(amount)s started") % {"amount": money(refund.amount, order.currency)}
    started = Step(refund.created_at, PAYMENT, text, BUSY, refund.reason, by=started_by.get(str(refund.pk), ""))
    yield started
    outcome = _("Paid by hand") if refund.by_hand else refund.get_status_display().capitalize()
    tone = RefundStatus(refund.status).tone
    if refund.settled_at:
        failed = str(refund.pk) if refund.may_be_paid_by_hand else ""
        yield Step(
            refund.settled_at, PAYMENT, outcome, tone, refund.error, refund.provider_reference, failed_refund=failed
        )
    else:
        at = refund.asked_at or refund.created_at
        yield Step(at, PAYMENT, outcome, tone, refund.error, refund.provider_reference, open_refund=str(refund.pk))


def _dispute(order: Order, dispute: Dispute) -> Iterator[Step]:
    disputed = _("Disputed: %(amount)s") % {"amount": money(dispute.amount, order.currency)}
    opened = disputed if dispute.amount else _("Warning of fraud")
    deadline = _("answer by %(moment)s") % {"moment": moment(dispute.due_by)} if dispute.due_by else ""
    detail = " · ".join(part for part in (dispute.reason, str(deadline)) if part)
    yield Step(dispute.opened_at, PAYMENT, opened, BAD, detail, dispute.provider_reference)
    if dispute.closed_at:
        outcome = dispute.get_status_display().capitalize()
        yield Step(dispute.closed_at, PAYMENT, outcome, DisputeStatus(dispute.status).tone, dispute.note)


def _parcel(parcel: Shipment) -> Iterator[Step]:
    for event in parcel.events:
        text = _("Parcel: %(status)s") % {"status": event.status.label}
        yield Step(event.at, PARCEL, text, event.status.tone, event.text or parcel.carrier, parcel.tracking_code)


def _return(asked: Return) -> Iterator[Step]:
    """What the shopper did; what staff did stands in the audit log."""
    text = _("Withdrawal %(number)s") if asked.by_right else _("Request to return %(number)s")
    yield Step(asked.asked_at, RETURN, text % {"number": asked.number}, BUSY, asked.reason)


def _message(message: OutboxMessage) -> Iterator[Step]:
    text = message.get_kind_display().capitalize()
    url = reverse("admin:checkout_outboxmessage_change", args=[message.pk])
    tried = _("tries: %(tries)s") % {"tries": message.tries}
    if message.dropped:
        yield Step(message.sent_at or message.created_at, MAIL, text, detail=_("not sent: no longer true"), url=url)
    elif message.sent_at:
        yield Step(message.created_at, MAIL, text, detail=_("due"), url=url)
        yield Step(message.sent_at, MAIL, text, GOOD, f"{_('sent')} · {tried}", url=url)
    elif message.last_error:
        yield Step(message.created_at, MAIL, text, BAD, f"{tried} · {message.last_error}", url=url)
    else:
        yield Step(message.created_at, MAIL, text, BUSY, _("waiting"), url=url)


def _staff_action(entry: Entry) -> Step:
    words = label_for(entry.verb)
    mail = str((entry.after or {}).get("mail", ""))
    detail = MessageKind(mail).label if mail in MessageKind else entry.reason
    return Step(entry.at, STAFF, words[:1].upper() + words[1:], detail=detail, by=entry.actor)
