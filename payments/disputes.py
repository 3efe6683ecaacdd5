"""Disputes: recorded as the provider reports them. No goods leave while one is open.

Each write runs in the caller's transaction, which holds the payment's lock.
"""

import logging
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.db.locks import require_transaction
from payments.exceptions import DisputeNotDismissed
from payments.gateways.base import ProviderDispute
from payments.models import Dispute, DisputeStatus, Payment, PaymentAttempt
from payments.services import refresh_status

logger = logging.getLogger(__name__)

DISMISS = AuditEvent("dispute.dismiss", _("dismissed a warning about a payment"))


def record(attempt: PaymentAttempt, reported: ProviderDispute) -> Dispute:
    """Record a dispute of a charge as it is at the provider now. Safe to repeat. The payment must be locked.

    A warning that staff have dismissed stays dismissed.
    """
    require_transaction()
    row = Dispute.objects.filter(provider_reference=reported.provider_reference).first()
    if row is None:
        row = Dispute(attempt=attempt, payment_id=attempt.payment_id, provider_reference=reported.provider_reference)
        logger.error("A charge of %s is disputed: %s", attempt.payment.reference, reported.reason)
    elif row.note and reported.status == "warning":
        return row
    row.reason = reported.reason[:64]
    row.amount = reported.amount
    row.withdrawn = reported.withdrawn
    row.status = DisputeStatus(reported.status)
    row.due_by = reported.due_by
    row.opened_at = reported.opened_at
    row.closed_at = None if row.is_open else row.closed_at or timezone.now()
    row.save()
    return row


def open_dispute_of(payment_id: UUID) -> Dispute | None:
    """The undecided dispute of a payment with the nearest deadline, if there is one."""
    return Dispute.objects.open().filter(payment=payment_id).first()


@transaction.atomic
def dismiss(dispute: Dispute, *, by: Actor, note: str) -> None:
    """Close a warning that staff have looked into, so that the order can ship. Raises DisputeNotDismissed."""
    payment = Payment.objects.locked().get(pk=dispute.payment_id)
    current = Dispute.objects.select_related("attempt").get(pk=dispute.pk)
    if not current.is_warning:
        raise DisputeNotDismissed(_("Only a warning can be dismissed. This is %(status)s: the bank decides.") % {
            "status": current.get_status_display()
        })  # fmt: skip
    current.status, current.closed_at, current.note = DisputeStatus.CLOSED, timezone.now(), note[:200]
    current.save(update_fields=["status", "closed_at", "note"])
    current.attempt.payment = payment
    refresh_status(current.attempt)
    audit.record(by, DISMISS, current, reason=note, reference=payment.reference)
