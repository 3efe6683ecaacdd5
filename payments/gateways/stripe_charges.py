"""Parsing of Stripe's refunds, disputes and warnings of fraud (plain JSON): what becomes of a charge later."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from config.money import ZERO, from_minor_units, total
from payments.gateways.base import DisputeKind, ProviderDispute, ProviderRefund, RefundKind, RefundOutcome

Document = dict[str, Any]

# Stripe's own key for a refund that we began.
REFUND_ID = "refund"

_REFUND_KINDS: dict[str, RefundKind] = {
    "succeeded": "succeeded",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTE_KINDS: dict[str, DisputeKind] = {
    "warning_needs_response": "warning",
    "warning_under_review": "warning",
    "warning_closed": "closed",
    "needs_response": "needs_response",
    "appeal_needs_response": "needs_response",
    "under_review": "under_review",
    "appeal_under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "prevented": "closed",
}


def refund_outcome(refund: Document) -> RefundOutcome:
    """The outcome of a refund; a status that we do not know leaves it pending."""
    return RefundOutcome(
        kind=_REFUND_KINDS.get(str(refund.get("status")), "pending"),
        provider_reference=str(refund["id"]),
        message=str(refund.get("failure_reason") or ""),
    )


def refund_of(refund: Document) -> ProviderRefund:
    return ProviderRefund(
        provider_reference=str(refund["id"]),
        refund_id=_uuid((refund.get("metadata") or {}).get(REFUND_ID)),
        amount=from_minor_units(refund["amount"], refund["currency"]),
        outcome=refund_outcome(refund),
    )


def dispute_of(dispute: Document) -> ProviderDispute:
    """A dispute; a status that we do not know counts as undecided."""
    due_by = (dispute.get("evidence_details") or {}).get("due_by")
    return ProviderDispute(
        provider_reference=str(dispute["id"]),
        reason=str(dispute.get("reason") or ""),
        amount=from_minor_units(dispute["amount"], dispute["currency"]),
        withdrawn=_withdrawn(dispute),
        status=_DISPUTE_KINDS.get(str(dispute.get("status")), "under_review"),
        due_by=_moment(due_by) if due_by else None,
        opened_at=_moment(dispute["created"]),
    )


def warning_of(warning: Document) -> ProviderDispute:
    """An early fraud warning: the bank suspects fraud, and a dispute will probably follow. It takes no money."""
    return ProviderDispute(
        provider_reference=str(warning["id"]),
        reason=str(warning.get("fraud_type") or "fraud"),
        amount=ZERO,
        withdrawn=ZERO,
        status="warning",
        due_by=None,
        opened_at=_moment(warning["created"]),
    )


def _withdrawn(dispute: Document) -> Decimal:
    """What Stripe has taken so far: it moves the money once when the dispute opens, and back when it is won."""
    moved = dispute.get("balance_transactions") or []
    if all(move["currency"] == dispute["currency"] for move in moved):
        return -total(from_minor_units(move["amount"], move["currency"]) for move in moved)
    # The account is settled in another currency, in which the amounts cannot be compared.
    return from_minor_units(dispute["amount"], dispute["currency"]) if len(moved) == 1 else ZERO


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
