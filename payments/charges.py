"""What becomes of a captured charge at the provider, whoever began it: refunds, disputes, taken into our books."""

import logging
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.db.locks import refuse_in_transaction, require_transaction
from config.money import total
from payments import disputes, refunds
from payments.exceptions import PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.base import ProviderCharge, ProviderDispute, ProviderRefund
from payments.models import MADE_AT_PROVIDER, ChargeMismatch, Payment, PaymentAttempt, Refund, RefundStatus
from payments.services import refresh_status

logger = logging.getLogger(__name__)


def ask(attempt: PaymentAttempt) -> ProviderCharge:
    """Look up what became of a charge. Writes nothing; not inside a transaction. Raises PaymentUnavailable."""
    refuse_in_transaction("The payment provider")
    if not attempt.provider_reference:
        raise PaymentUnavailable
    return gateway().charge(attempt.provider_reference)


def record(attempt_id: UUID, charge: ProviderCharge) -> Payment:
    """Take the refunds and disputes of a charge into our books, in the caller's transaction; locks the payment.

    Safe to repeat, and in any order: it records what the provider says now. A refund that was made in the provider's
    dashboard is taken over by its reference. Returns the payment with its new status.
    """
    require_transaction()
    attempt = PaymentAttempt.objects.fetch_locked_with_payment(attempt_id)
    for refund in charge.refunds:
        refunds.apply(_refund_row(attempt, refund), refund.outcome)
    for dispute in charge.disputes:
        disputes.record(attempt, dispute)
    ChargeMismatch.objects.note(attempt, _ours(attempt), _theirs(charge))
    return refresh_status(attempt)


def _ours(attempt: PaymentAttempt) -> tuple[Decimal, Decimal, Decimal]:
    """Captured, refunded at the provider, disputed; refunds that are under way count."""
    refunded = attempt.refunds.all().at_provider().total()
    return attempt.captured, refunded, attempt.disputes.all().withdrawn()


def _theirs(charge: ProviderCharge) -> tuple[Decimal, Decimal, Decimal]:
    refunded = total(refund.amount for refund in charge.refunds if refund.outcome.kind != "failed")
    return charge.captured, refunded, total(dispute.withdrawn for dispute in charge.disputes)


@transaction.atomic
def record_warning(attempt: PaymentAttempt, warning: ProviderDispute) -> None:
    """Record a warning of fraud about a charge. Safe to repeat. Locks the payment."""
    locked = PaymentAttempt.objects.fetch_locked_with_payment(attempt.pk)
    disputes.record(locked, warning)
    refresh_status(locked)


def _refund_row(attempt: PaymentAttempt, found: ProviderRefund) -> Refund:
    """Our row of a refund at the provider: known by reference or by its key, refused here and yet made, or new."""
    rows = list(Refund.objects.filter(attempt=attempt).locked())
    for row in rows:
        if row.provider_reference == found.provider_reference or row.pk == found.refund_id:
            return row
    for row in rows:
        # The provider refused it because the same money had gone back already.
        if row.status == RefundStatus.FAILED and not row.provider_reference and row.amount == found.amount:
            return row
    logger.warning("Took over refund %s, which was made at the provider", found.provider_reference)
    return Refund.objects.create(
        payment=attempt.payment,
        attempt=attempt,
        amount=found.amount,
        provider_reference=found.provider_reference,
        reason="made at the provider",
        idempotency_key=f"{MADE_AT_PROVIDER}{found.provider_reference}"[:128],
        restock=False,
        asked_at=timezone.now(),
    )
