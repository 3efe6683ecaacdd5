"""What is written of a payment: it is opened, and what came of an attempt is recorded.

Each verb runs in a transaction and locks the payment's row first, then the attempt's. Nothing here calls the provider:
that is `payments.provider`. No amount, token or personal datum is logged.
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
    AttemptStatus,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    PaymentStatus,
    RefundStatus,
    WebhookEvent,
)

# A token of the provider, and nothing that could be a card number.
_METHOD_TOKEN = re.compile(r"pm_[A-Za-z0-9_]{4,240}")


def check_method_token(method_token: str) -> str:
    """`method_token` if it is `pix` or a token of the provider. Raises InvalidPaymentMethod, which quotes nothing."""
    if method_token != PIX and not _METHOD_TOKEN.fullmatch(method_token):
        raise InvalidPaymentMethod
    return method_token


def open_payment(
    reference: str, amount: Decimal, currency: str, method_token: str, *, expires_at: datetime | None
) -> PaymentAttempt:
    """Create a payment and its first attempt, in the caller's transaction. One statement.

    Commit it before `authorize`. `expires_at` is when an attempt that waits for the shopper is given up. Raises
    InvalidPaymentMethod, and IntegrityError where `reference` has a payment already.
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
    """Write what came of an attempt, in the caller's transaction; locks attempt and payment. Safe to repeat.

    Returns the attempt with its payment, as they are afterwards. A settled attempt stays as it is, with one exception:
    captured money is a fact, so `approved` overrules `declined` and `cancelled` (a late Pix, say).
    """
    attempt = PaymentAttempt.objects.fetch_locked_with_payment(attempt_id)
    if not _may_become(attempt, outcome):
        return attempt
    attempt.status = AttemptStatus(outcome.kind)
    attempt.provider_reference = outcome.provider_reference or attempt.provider_reference
    attempt.captured = outcome.captured if outcome.captured is not None else attempt.captured
    attempt.action = outcome.action.as_json() if outcome.action else None
    attempt.decline_code = outcome.decline_code[:64]
    attempt.error = outcome.message[:500]
    attempt.settled_at = timezone.now() if attempt.is_settled else None
    if attempt.status == AttemptStatus.APPROVED and attempt.payment.status == PaymentStatus.PENDING:
        # The first money of a payment: nothing can have been refunded yet, so there is nothing to add up.
        attempt.payment.status = PaymentStatus.PAID
    else:
        attempt.payment.status = status_after(attempt)
    PaymentAttempt.objects.write_with_payment(attempt)
    return attempt


def _may_become(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    if attempt.status == AttemptStatus.APPROVED:
        return False
    if attempt.is_settled:
        return outcome.kind == "approved"
    # "Unknown" tells nothing new of an attempt that waits for the shopper, unless it is the first answer.
    return outcome.kind != "unknown" or attempt.status != AttemptStatus.ACTION


_STATUS_OF_ATTEMPT = {
    AttemptStatus.DECLINED: PaymentStatus.FAILED,
    AttemptStatus.CANCELLED: PaymentStatus.CANCELLED,
}


def status_after(latest: PaymentAttempt) -> PaymentStatus:
    """A locked payment's status by its rows and its latest attempt, which need not be written yet: money first."""
    others = latest.payment.attempts.exclude(pk=latest.pk).aggregate(total=Sum("captured"))["total"] or ZERO
    captured = others + latest.captured
    if captured:
        refunded = (
            latest.payment.refunds.filter(status=RefundStatus.SUCCEEDED).aggregate(total=Sum("amount"))["total"] or ZERO
        )
        if refunded >= captured:
            return PaymentStatus.REFUNDED
        return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PAID
    if latest.status == AttemptStatus.APPROVED:
        return PaymentStatus.PAID
    return _STATUS_OF_ATTEMPT.get(AttemptStatus(latest.status), PaymentStatus.PENDING)


@transaction.atomic
def claim_stale(before: datetime, limit: int) -> list[PaymentAttempt]:
    """Attempts started before `before` with no known answer, for one sweep to ask about. Several may sweep at once."""
    return PaymentAttempt.objects.stale(before).claim(limit)


@transaction.atomic
def claim_expired(now: datetime, limit: int) -> list[PaymentAttempt]:
    """Attempts whose time is over, for one sweep to give up. Several may sweep at once."""
    return PaymentAttempt.objects.expired(now).claim(limit)


@transaction.atomic
def claim_events(limit: int) -> list[WebhookEvent]:
    """Messages of the provider that nobody has settled yet, for one worker, those tried least first. Several may work
    at once."""
    return WebhookEvent.objects.waiting().claim(timezone.now(), limit)
