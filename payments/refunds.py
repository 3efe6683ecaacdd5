"""Money that goes back: a refund is written and committed, the provider is called, what came of it is written.

Nothing here may run inside a transaction. Each write locks the payment's row first.
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

REFUND = AuditEvent("refund.begin", _("began to pay back"))
REFUND_AGAIN = AuditEvent("refund.again", _("asked for the same refund again"))


def refund(
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    *,
    idempotency_key: str,
    attempt_id: UUID | None = None,
    by: Actor = None,
) -> Refund:
    """Pay back `amount` of a payment: writes the refund and commits it, calls the provider, writes what came of it.

    The audit log's entry is committed with the refund, before the call: there is no refund without one.

    Not inside a transaction. The same `idempotency_key` continues the same refund and never pays twice. `attempt_id`
    says which charge is meant where a payment has more than one. Raises RefundRefused where less is left than asked,
    and PaymentUnavailable where the provider did nothing (call again with the same key).
    """
    row = begin(payment_id, amount, reason, idempotency_key=idempotency_key, attempt_id=attempt_id, by=by)
    return row if row.is_settled else record(row, ask(row))


def ask(row: Refund) -> RefundOutcome:
    """Ask the provider for the money of a refund that was begun, and write nothing: record the outcome that comes back.

    Not inside a transaction; safe to repeat. Raises PaymentUnavailable where the provider did nothing.
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
    """A refund started before `before` with no known answer, for one sweep to settle; None where none is left.

    Several may sweep at once. One that was asked about after `before` is not given out again.
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
    """Write a refund and commit it, to be asked for afterwards; the one that is known already under this key. As
    `refund` otherwise."""
    payment = Payment.objects.locked().get(pk=payment_id)
    known = payment.refunds.select_related("payment", "attempt").filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if known.amount != amount:
            raise RefundRefused(_("This refund was already made with another amount."))
        if by is not None:  # the shop itself asks until it knows
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
    left = {attempt: attempt.captured - attempt.refunds.all().holding_money().total() for attempt in candidates}
    for attempt, remaining in left.items():
        if amount <= remaining:
            return attempt
    raise RefundRefused(
        _("Only %(left)s %(currency)s can still be refunded.")
        % {"left": max(left.values(), default=ZERO), "currency": payment.currency},
        refundable=str(max(left.values(), default=ZERO)),
    )


@transaction.atomic
def record(row: Refund, outcome: RefundOutcome) -> Refund:
    """Write what came of a refund, and the payment's status with it; the refund as it is then, with its payment. Locks
    the payment. Safe to repeat."""
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
