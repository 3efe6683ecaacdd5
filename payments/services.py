"""Writes of payments: opening one, recording the outcome of an attempt.

Each function runs in a transaction and locks the payment's row first, then the attempt's. Calls to the provider are in
`payments.provider`. Amounts, tokens and personal data are never logged.
"""

import re
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from config.db.locks import require_transaction
from config.money import ZERO
from payments.exceptions import InvalidPaymentMethod
from payments.gateways import gateway
from payments.gateways.base import PIX, Outcome
from payments.models import (
    AttemptSearch,
    AttemptStatus,
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    PaymentStatus,
    WebhookEvent,
)

# A provider token; never matches a card number.
_METHOD_TOKEN = re.compile(r"pm_[A-Za-z0-9_]{4,240}")


def check_method_token(method_token: str) -> str:
    """`method_token`, if it is `pix` or a provider token. Raises InvalidPaymentMethod, which does not quote it."""
    if method_token != PIX and not _METHOD_TOKEN.fullmatch(method_token):
        raise InvalidPaymentMethod
    return method_token


def open_payment(
    reference: str, amount: Decimal, currency: str, method_token: str, *, expires_at: datetime | None
) -> PaymentAttempt:
    """Create a payment and its first attempt, in the caller's transaction. One statement.

    Commit before calling `authorize`. `expires_at` is when an attempt waiting for the shopper is cancelled. Raises
    InvalidPaymentMethod, and IntegrityError if `reference` already has a payment.
    """
    require_transaction()
    now = timezone.now()
    payment = Payment(
        reference=reference,
        amount=amount,
        currency=currency,
        provider=gateway().name,
        method=_method_of(method_token),
        created_at=now,
        updated_at=now,
    )
    attempt = PaymentAttempt(payment=payment, method_token=method_token, created_at=now, expires_at=expires_at)
    PaymentAttempt.objects.create_with_payment(attempt)
    return attempt


def _method_of(method_token: str) -> PaymentMethod:
    return PaymentMethod.PIX if check_method_token(method_token) == PIX else PaymentMethod.CARD


def record_outcome(attempt_id: UUID, outcome: Outcome) -> PaymentAttempt:
    """Record the outcome of an attempt, in the caller's transaction; locks payment and attempt. Safe to repeat.

    Returns the attempt with its payment, as updated, and with its status `before`. A settled attempt does not change,
    with one exception: captured money is a fact, so `approved` overrides `declined` and `cancelled` (a late Pix, for
    example).
    """
    attempt = PaymentAttempt.objects.fetch_locked_with_payment(attempt_id)
    attempt.before = AttemptStatus(attempt.status)
    if outcome.search is not None:
        AttemptSearch.objects.remember(attempt, outcome.search.key_used_at, outcome.search.searched_to)
    if not _accepts(attempt, outcome):
        return attempt
    if outcome.kind == "approved" and not outcome.captured:
        raise ValueError("Approved means an amount that was received.")
    # What is authorized and not captured is neither paid nor refused.
    attempt.status = AttemptStatus.UNKNOWN if outcome.kind == "authorized" else AttemptStatus(outcome.kind)
    attempt.provider_reference = outcome.provider_reference or attempt.provider_reference
    attempt.captured = outcome.captured if outcome.captured is not None else attempt.captured
    attempt.action = outcome.action.as_json() if outcome.action else None
    attempt.decline_code = outcome.decline_code[:64]
    attempt.error = outcome.message[:500]
    attempt.settled_at = timezone.now() if attempt.is_settled else None
    if attempt.status == AttemptStatus.APPROVED and attempt.payment.status == PaymentStatus.PENDING:
        # The first capture of the payment: no refunds can exist yet, so no totals are needed.
        attempt.payment.status = PaymentStatus.PAID
    else:
        attempt.payment.status = status_after(attempt)
    PaymentAttempt.objects.write_with_payment(attempt)
    return attempt


def _accepts(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    if attempt.status == AttemptStatus.APPROVED:
        return False
    if attempt.is_settled:
        return outcome.kind == "approved"
    # "Unknown" adds nothing to an attempt that already waits for the shopper.
    return outcome.kind not in ("unknown", "authorized") or attempt.status != AttemptStatus.ACTION


_STATUS_OF_ATTEMPT = {
    AttemptStatus.DECLINED: PaymentStatus.FAILED,
    AttemptStatus.CANCELLED: PaymentStatus.CANCELLED,
}


def status_after(latest: PaymentAttempt) -> PaymentStatus:
    """The status of a locked payment, from its rows and its latest attempt (may be unsaved). Money comes first.

    `disputed` while a dispute is undecided, and when its money is lost.
    """
    payment = latest.payment
    others = payment.attempts.exclude(pk=latest.pk).aggregate(total=Sum("captured"))["total"] or ZERO
    captured = others + latest.captured
    if not captured:
        return _STATUS_OF_ATTEMPT.get(AttemptStatus(latest.status), PaymentStatus.PENDING)
    refunded = payment.refunds.all().paid().total()
    if refunded >= captured:
        return PaymentStatus.REFUNDED
    if any(dispute.is_open or dispute.withdrawn > ZERO for dispute in Dispute.objects.of(payment)):
        return PaymentStatus.DISPUTED
    return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PAID


def refresh_status(attempt: PaymentAttempt) -> Payment:
    """Write the status that follows from the rows of a locked payment; `attempt` is any of its attempts."""
    payment = attempt.payment
    status = status_after(attempt)
    if status != payment.status:
        payment.status = status
        payment.save(update_fields=["status", "updated_at"])
    return payment


@transaction.atomic
def claim_unanswered(limit: int) -> list[PaymentAttempt]:
    """Claim due attempts that may have captured money, for one sweep to ask about. Sweeps may run concurrently."""
    return PaymentAttempt.objects.unanswered().claim(timezone.now(), limit)


@transaction.atomic
def claim_waiting(limit: int) -> list[PaymentAttempt]:
    """Claim due attempts that wait for the shopper, for one sweep to ask about, or to cancel once expired. Sweeps may
    run concurrently."""
    return PaymentAttempt.objects.waiting().claim(timezone.now(), limit)


@transaction.atomic
def claim_events(limit: int) -> list[WebhookEvent]:
    """Claim unhandled webhook events for one worker, fewest tries first. Workers may run concurrently."""
    return WebhookEvent.objects.claim(timezone.now(), limit)
