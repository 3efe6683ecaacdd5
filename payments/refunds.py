"""Refunds: write and commit the refund, call the provider, record the outcome.

Not to be called inside a transaction. Each write locks the payment's row first.
"""

import logging
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.db.locks import refuse_in_transaction
from config.money import ZERO
from payments.exceptions import RefundRefused
from payments.gateways import gateway
from payments.gateways.base import RefundOutcome, RefundRequest
from payments.models import Payment, PaymentAttempt, Refund, RefundStatus
from payments.services import status_after

logger = logging.getLogger(__name__)

REFUND = AuditEvent("refund.begin", _("started a refund"))
REFUND_AGAIN = AuditEvent("refund.again", _("retried a refund"))


def refund(
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    *,
    idempotency_key: str,
    attempt_id: UUID | None = None,
    by: Actor = None,
) -> Refund:
    """Refund `amount` of a payment: commits the refund, calls the provider, records the outcome.

    The audit entry is committed with the refund, before the call: there is no refund without one.

    Not inside a transaction. Repeating the same `idempotency_key` continues the same refund and never pays twice.
    `attempt_id` selects the charge if the payment has several. Raises RefundRefused if the amount exceeds what is
    refundable, and PaymentUnavailable if the provider did nothing (retry with the same key).
    """
    row = begin(payment_id, amount, reason, idempotency_key=idempotency_key, attempt_id=attempt_id, by=by)
    return row if row.is_settled else record(row, ask(row))


def ask(row: Refund) -> RefundOutcome:
    """Request a committed refund at the provider. Writes nothing: record the returned outcome.

    Not inside a transaction; safe to repeat. Raises PaymentUnavailable if the provider did nothing.
    """
    refuse_in_transaction("The payment provider")
    return gateway().refund(
        RefundRequest(
            refund_id=row.pk,
            provider_reference=row.attempt.provider_reference,
            amount=row.amount,
            currency=row.payment.currency,
            reason=row.reason,
        )
    )


@transaction.atomic(durable=True)
def claim_stale(before: datetime) -> Refund | None:
    """Claim an unresolved refund started before `before`, for one sweep to settle; None if there is none.

    Sweeps may run concurrently. A refund that was tried after `before` is not returned again.
    """
    return Refund.objects.stale(before).claim_one(before)


@transaction.atomic(durable=True)
def begin(
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    *,
    idempotency_key: str,
    attempt_id: UUID | None = None,
    by: Actor = None,
) -> Refund:
    """Commit a refund, to be requested with `ask`; returns the existing one for a known key. Otherwise as `refund`."""
    payment = Payment.objects.locked().get(pk=payment_id)
    known = payment.refunds.select_related("payment", "attempt").filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if known.amount != amount:
            raise RefundRefused(_("This refund already exists with a different amount."))
        if by is not None:  # the shop itself retries until it has an answer
            audit.record(by, REFUND_AGAIN, known, reference=payment.reference)
        return known
    attempt = _attempt_to_refund(payment, amount, attempt_id)
    begun = Refund.objects.create(
        payment=payment, attempt=attempt, amount=amount, reason=reason[:200], idempotency_key=idempotency_key
    )
    money = {"amount": amount, "currency": payment.currency}
    audit.record(by, REFUND, begun, reason=reason, reference=payment.reference, after=money)
    return begun


def _attempt_to_refund(payment: Payment, amount: Decimal, attempt_id: UUID | None) -> PaymentAttempt:
    if amount <= ZERO:
        raise RefundRefused(_("Enter an amount above zero."))
    candidates = payment.attempts.filter(captured__gt=0).order_by("settled_at", "pk")
    if attempt_id is not None:
        candidates = candidates.filter(pk=attempt_id)
    refundable = {attempt: attempt.captured - attempt.refunds.all().holding_money().total() for attempt in candidates}
    for attempt, remaining in refundable.items():
        if amount <= remaining:
            return attempt
    most = max(refundable.values(), default=ZERO)
    raise RefundRefused(
        _("Only %(left)s %(currency)s can still be refunded.") % {"left": most, "currency": payment.currency},
        refundable=str(most),
    )


@transaction.atomic
def record(row: Refund, outcome: RefundOutcome) -> Refund:
    """Record the outcome of a refund and the payment's status; returns the refund with its payment. Locks the payment.
    Safe to repeat."""
    payment = Payment.objects.locked().get(pk=row.payment_id)
    current = Refund.objects.select_related("attempt").select_for_update(of=("self",)).get(pk=row.pk)
    current.payment = payment
    if current.is_settled:
        return current
    current.status = RefundStatus(outcome.kind)
    current.provider_reference = outcome.provider_reference or current.provider_reference
    current.error = outcome.message[:500]
    current.settled_at = timezone.now() if outcome.kind != "unknown" else None
    current.save(update_fields=["status", "provider_reference", "error", "settled_at"])
    if outcome.kind == "failed":
        logger.error("Refund %s failed at the provider.", current.pk)
    current.attempt.payment = payment
    payment.status = status_after(current.attempt)
    payment.save(update_fields=["status", "updated_at"])
    return current
