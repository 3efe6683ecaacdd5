"""What a payment knows of a person beyond the books: codes, links, and what was said of it in words."""

from uuid import UUID

from config.db.locks import require_transaction
from payments.models import Dispute, Payment, PaymentAttempt, Refund, RefundStatus, WebhookEvent

_OPEN_REFUNDS = [RefundStatus.STARTED, RefundStatus.PENDING, RefundStatus.UNKNOWN]


def is_under_way(payment: Payment) -> bool:
    """Whether money may still move, or somebody has to act: an attempt or a refund without an end, a refund that
    failed and was not made up for, an undecided dispute."""
    refunds = Refund.objects.filter(payment=payment)
    return (
        PaymentAttempt.objects.unsettled().filter(payment=payment).exists()
        or refunds.filter(status__in=_OPEN_REFUNDS).exists()
        or refunds.failed_for_good().exists()
        or Dispute.objects.open().filter(payment=payment).exists()
    )


def erase_traces(payment_id: UUID) -> None:
    """Blank everything but amounts, outcomes, dates and the provider's references, which are the books.

    Events stay by their id, without what they said, so that one that comes again is known.
    """
    require_transaction()
    attempts = PaymentAttempt.objects.filter(payment=payment_id)
    references = list(attempts.exclude(provider_reference="").values_list("provider_reference", flat=True))
    attempts.update(action=None, error="")
    Refund.objects.filter(payment=payment_id).update(error="", reason="")
    Dispute.objects.filter(payment=payment_id).update(note="")
    WebhookEvent.objects.about(references).exclude(handled_at=None, set_aside="").update(payload={}, last_error="")
