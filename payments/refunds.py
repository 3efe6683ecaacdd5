"""Refunds: write and commit the refund, call the provider, record the outcome, believe what it says later.

Each write locks the payment's row first.
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
from config.db.locks import refuse_in_transaction, require_transaction
from config.money import ZERO, total
from payments.exceptions import RefundNotPaidByHand, RefundRefused
from payments.gateways import gateway
from payments.gateways.base import RefundOutcome, RefundRequest
from payments.models import Payment, PaymentAttempt, Refund, RefundStatus
from payments.services import refresh_status

logger = logging.getLogger(__name__)

REFUND = AuditEvent("refund.begin", _("started a refund"))
REFUND_AGAIN = AuditEvent("refund.again", _("retried a refund"))
BY_HAND = AuditEvent("refund.by_hand", _("recorded a refund as paid by hand"))


def ask(row: Refund) -> RefundOutcome:
    """Request a committed refund at the provider. Writes nothing: record the returned outcome.

    Not inside a transaction; safe to repeat. Raises PaymentUnavailable if the provider did nothing.
    """
    refuse_in_transaction("The payment provider")
    return gateway().refund(
        RefundRequest(
            refund_id=row.pk,
            provider_reference=row.attempt.provider_reference,
            refund_reference=row.provider_reference,
            amount=row.amount,
            currency=row.payment.currency,
            reason=row.reason,
        )
    )


@transaction.atomic(durable=True)
def claim_stale(before: datetime) -> Refund | None:
    """Claim a refund to ask about, for one sweep to settle; None if there is none. See `RefundQuerySet.claim_one`.

    Sweeps may run concurrently. A refund that was asked about after `before` is not returned again.
    """
    return Refund.objects.claim_one(before)


def begin(
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    *,
    idempotency_key: str,
    restock: bool = False,
    attempt_id: UUID | None = None,
    by: Actor = None,
) -> Refund:
    """Record a refund of `amount` in the caller's transaction, to be requested with `ask` after its commit.

    Locks the payment. Returns the existing refund for a known `idempotency_key`, so that the same key never pays twice.
    `restock` is for the caller, who keeps the goods. `attempt_id` selects the charge if the payment has several. The
    audit entry is committed with the refund: there is no refund without one. Raises RefundRefused if the amount exceeds
    what is refundable.
    """
    require_transaction()
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
        payment=payment,
        attempt=attempt,
        amount=amount,
        reason=reason[:200],
        idempotency_key=idempotency_key,
        restock=restock,
    )
    money = {"amount": amount, "currency": payment.currency}
    audit.record(by, REFUND, begun, reason=reason, reference=payment.reference, after=money)
    return begun


def begin_rest(payment_id: UUID, reason: str, *, idempotency_key: str) -> Refund | None:
    """Record a refund of all that is left of a payment, for the shop itself, in the caller's transaction.

    Returns the refund that is under way under this key or a numbered one, else a new row; None if nothing is left. A
    refund that the provider refused is so asked for anew under a new row. Locks the payment.
    """
    require_transaction()
    payment = Payment.objects.locked().get(pk=payment_id)
    ours = payment.refunds.filter(idempotency_key__startswith=idempotency_key).select_related("payment", "attempt")
    tried = list(ours.order_by("created_at", "pk"))
    for row in tried:
        if not row.is_settled:
            return row
    if not payment.refundable:
        return None
    return begin(payment_id, payment.refundable, reason, idempotency_key=f"{idempotency_key}-{len(tried) + 1}")


def _attempt_to_refund(payment: Payment, amount: Decimal, attempt_id: UUID | None) -> PaymentAttempt:
    if amount <= ZERO:
        raise RefundRefused(_("Enter an amount above zero."))
    candidates = payment.attempts.filter(captured__gt=0).prefetch_related("refunds", "disputes")
    candidates = candidates.order_by("settled_at", "pk")
    if attempt_id is not None:
        candidates = candidates.filter(pk=attempt_id)
    left = {attempt: _left_of(attempt) for attempt in candidates}
    for attempt, remaining in left.items():
        if amount <= remaining:
            return attempt
    most = max(left.values(), default=ZERO)
    raise RefundRefused(
        _("Only %(left)s %(currency)s can still be refunded.") % {"left": most, "currency": payment.currency},
        refundable=str(most),
    )


def _left_of(attempt: PaymentAttempt) -> Decimal:
    refunded = total(refund.amount for refund in attempt.refunds.all() if refund.holds_money)
    at_stake = total(dispute.at_stake for dispute in attempt.disputes.all())
    return max(attempt.captured - refunded - at_stake, ZERO)


def record(row: Refund, outcome: RefundOutcome) -> Refund:
    """Record the outcome of a refund and the payment's status, in the caller's transaction; locks the payment.

    Returns the refund with its payment. Safe to repeat.
    """
    require_transaction()
    payment = Payment.objects.locked().get(pk=row.payment_id)
    current = Refund.objects.select_related("attempt").locked().get(pk=row.pk)
    current.payment = current.attempt.payment = payment
    apply(current, outcome)
    refresh_status(current.attempt)
    return current


def apply(row: Refund, outcome: RefundOutcome) -> None:
    """Write what the provider says of a refund. The row and its payment must be locked."""
    if row.by_hand:
        if outcome.kind == "succeeded" and not row.provider_reference:
            logger.error("Refund %s was recorded as paid by hand, and the provider paid it too.", row.pk)
            row.provider_reference = outcome.provider_reference
            row.save(update_fields=["provider_reference"])
        return
    if not _accepts(row, outcome):
        return
    row.status = RefundStatus(outcome.kind)
    row.provider_reference = outcome.provider_reference or row.provider_reference
    row.error = outcome.message[:500]
    row.settled_at = timezone.now() if row.is_settled else None
    row.save(update_fields=["status", "provider_reference", "error", "settled_at"])
    if row.status == RefundStatus.FAILED:
        logger.error("Refund %s failed at the provider.", row.pk)


def _accepts(row: Refund, outcome: RefundOutcome) -> bool:
    """Whether `outcome` tells more than is known. Answers of two calls may arrive in either order."""
    if row.status == outcome.kind and (row.provider_reference or not outcome.provider_reference):
        return False
    match row.status:
        case RefundStatus.FAILED:
            # Final at the provider, except that it may have refused us something that had been done already.
            return not row.provider_reference and bool(outcome.provider_reference)
        case RefundStatus.SUCCEEDED:
            return outcome.kind == "failed"
        case RefundStatus.PENDING:
            return outcome.kind != "unknown"
    return True


@transaction.atomic
def pay_by_hand(row: Refund, *, by: Actor, reason: str) -> Refund:
    """Record that staff have paid a failed refund another way, such as a bank transfer; `reason` says how.

    It is the same refund: what the provider says of it later changes nothing. Locks the payment. Raises
    RefundNotPaidByHand if the refund has not failed, or its amount has gone back in the meantime.
    """
    payment = Payment.objects.locked().get(pk=row.payment_id)
    current = Refund.objects.select_related("attempt").locked().get(pk=row.pk)
    current.payment = current.attempt.payment = payment
    if current.by_hand:
        return current
    if not current.may_be_paid_by_hand:
        raise RefundNotPaidByHand(_("The provider has not refused this refund, so it may still pay it."))
    if current.amount > _left_of(current.attempt):
        raise RefundNotPaidByHand(_("This money has gone back in the meantime, by another refund or a dispute."))
    current.by_hand, current.status, current.settled_at = True, RefundStatus.SUCCEEDED, timezone.now()
    current.reason = reason[:200]
    current.save(update_fields=["by_hand", "status", "settled_at", "reason"])
    refresh_status(current.attempt)
    money = {"amount": current.amount, "currency": payment.currency}
    audit.record(by, BY_HAND, current, reason=reason, reference=payment.reference, after=money)
    return current
