"""Disputes through their life: opened by the cardholder's bank, answered, decided; and the funds that move with them.

A dispute withdraws its funds when it opens; an inquiry (`warning_…`) withdraws none unless it becomes a dispute.
"""

from payments.sandbox import charges, events
from payments.sandbox.context import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, boolean, invalid, mapping, new_id, one_of

REASONS = (
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized",
    "duplicate", "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
    "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
)  # fmt: skip
WARNINGS = ("warning_needs_response", "warning_under_review", "warning_closed")
CLOSED = ("won", "lost", "warning_closed", "prevented")
STATUSES = (
    "needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "won", "lost", "prevented",
    *WARNINGS,
)  # fmt: skip
# Visa's code for each reason.
_NETWORK_CODES = {
    "fraudulent": "10.4",
    "unrecognized": "10.4",
    "duplicate": "12.6.1",
    "product_not_received": "13.1",
    "subscription_canceled": "13.2",
    "product_unacceptable": "13.3",
    "credit_not_processed": "13.6",
}
FEE = 1500
DUE_SECONDS = 9 * 86_400
# What Stripe's test mode decides from the text of the evidence.
_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "needs_response"}


def open_(
    context: Context,
    intent_id: str,
    *,
    reason: str = "fraudulent",
    status: str = "needs_response",
    amount: int | None = None,
    due_by: int | None = None,
) -> Document:
    """Dispute `amount` of a charge, by default what was captured. `due_by` 0: it cannot be contested."""
    one_of(REASONS, reason, "reason")
    one_of(STATUSES, status, "status")
    intent = context.get("payment_intent", intent_id)
    amount = intent["amount_received"] if amount is None else amount
    if not 0 < amount <= intent["amount_received"]:
        raise invalid("Only what was captured can be disputed.", param="amount")
    dispute = _new(context, intent, amount, reason=reason, status=status)
    dispute["evidence_details"]["due_by"] = context.store.now() + DUE_SECONDS if due_by is None else due_by
    context.store.add("dispute", dispute, parent=intent_id)
    charges.count_disputes(context, intent)
    events.announce(context, "charge.dispute.created", _refreshed(context, dispute))
    if status not in {*WARNINGS, "prevented"}:
        withdraw(context, dispute["id"])
    if status in CLOSED:
        events.announce(context, "charge.dispute.closed", context.get("dispute", dispute["id"]))
    return context.get("dispute", dispute["id"])


def move(context: Context, identifier: str, status: str, *, funds: bool = True) -> Document:
    """Move a dispute to any status, with its events. `funds`: also move the funds as the status demands."""
    one_of(STATUSES, status, "status")
    dispute = context.get("dispute", identifier)
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    context.store.unschedule("dispute", identifier)
    context.store.save(dispute)
    withdrawn = _withdrawn(dispute)
    if funds and withdrawn and status in {"won", "prevented"}:
        dispute = reinstate(context, identifier)
    elif funds and not dispute["balance_transactions"] and status in {"needs_response", "under_review", "lost"}:
        dispute = withdraw(context, identifier)
    closed = status in CLOSED
    events.announce(context, f"charge.dispute.{'closed' if closed else 'updated'}", dispute, previous=previous)
    return dispute


def withdraw(context: Context, identifier: str) -> Document:
    """Take the disputed amount and the fee from the account."""
    dispute = context.get("dispute", identifier)
    if _withdrawn(dispute):
        raise invalid("The funds of this dispute are withdrawn already.")
    return _transfer(context, dispute, -dispute["amount"], FEE, "dispute", "funds_withdrawn")


def reinstate(context: Context, identifier: str) -> Document:
    """Give the disputed amount and the fee back to the account."""
    dispute = context.get("dispute", identifier)
    if not _withdrawn(dispute):
        raise invalid("The funds of this dispute are not withdrawn.")
    return _transfer(context, dispute, dispute["amount"], -FEE, "dispute_reversal", "funds_reinstated")


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return context.get("dispute", identifier, param="dispute")


def update(context: Context, params: Params, identifier: str) -> Document:
    """Save evidence and metadata, and submit the evidence, which can be done once. Raises ApiError when it is over."""
    dispute = retrieve(context, params, identifier)
    evidence = mapping(params, "evidence")
    if evidence and dispute["status"] not in {"needs_response", "warning_needs_response", "appeal_needs_response"}:
        raise invalid("This dispute is closed, or its evidence was submitted.", param="evidence", saved=True)
    dispute["metadata"] |= mapping(params, "metadata")
    dispute["evidence"] |= evidence
    details = dispute["evidence_details"]
    details["has_evidence"] = bool(dispute["evidence"])
    if not evidence or ("submit" in params and not boolean(params, "submit")):
        context.store.save(dispute)
        events.announce(context, "charge.dispute.updated", dispute)
        return dispute
    details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
    context.store.save(dispute)
    verdict = _VERDICTS.get(str(dispute["evidence"].get("uncategorized_text")))
    reviewed = move(context, identifier, dispute["status"].replace("needs_response", "under_review"))
    if verdict:
        context.happen_later("dispute", identifier, verdict)
    return reviewed


def close(context: Context, params: Params, identifier: str) -> Document:
    """Give the dispute up: it is lost."""
    if retrieve(context, params, identifier)["status"] in CLOSED:
        raise invalid("This dispute is already closed.", saved=True)
    return move(context, identifier, "lost")


def list_(context: Context, params: Params) -> Document:
    """The disputes of a `payment_intent`, of a `charge`, or all."""
    parent = charges.filtered_intent(context, params)
    return listing(context.store, params, "dispute", url="/v1/disputes", parent=parent)


def _withdrawn(dispute: Document) -> bool:
    return sum(int(transaction["amount"]) for transaction in dispute["balance_transactions"]) < 0


def _transfer(context: Context, dispute: Document, amount: int, fee: int, category: str, event: str) -> Document:
    if len(dispute["balance_transactions"]) == 2:
        raise invalid("The funds of a dispute are withdrawn once and reinstated once.")
    now = context.store.now()
    description = "Dispute fee" if fee > 0 else "Dispute fee refund"
    dispute["balance_transactions"].append({
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now,
        "balance_type": "payments",
        "created": now,
        "currency": dispute["currency"],
        "description": f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {"amount": fee, "application": None, "currency": dispute["currency"], "description": description,
             "type": "stripe_fee"}
        ],
        "net": amount - fee,
        "reporting_category": category,
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    })  # fmt: skip
    context.store.save(dispute)
    charges.count_disputes(context, context.get("payment_intent", dispute["payment_intent"]))
    dispute = _refreshed(context, dispute)
    events.announce(context, f"charge.dispute.{event}", dispute)
    return dispute


def _refreshed(context: Context, dispute: Document) -> Document:
    """The dispute, with whether its charge can be refunded as of now."""
    intent = context.get("payment_intent", dispute["payment_intent"])
    dispute["is_charge_refundable"] = charges.refundable(context, intent) > 0
    return context.store.save(dispute)


def _new(context: Context, intent: Document, amount: int, *, reason: str, status: str) -> Document:
    case_type = "inquiry" if status in WARNINGS else "chargeback"
    card = charges.of_intent(context, intent)["payment_method_details"].get("card")
    if card is None:
        raise invalid("Only card payments can be disputed: Pix cannot.")
    code = _NETWORK_CODES.get(reason)
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": intent["latest_charge"],
        "created": context.store.now(),
        "currency": intent["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": 0,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": True,
        "livemode": False,
        "metadata": {},
        "network_reason_code": code,
        "payment_intent": intent["id"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": case_type,
                "network": card["network"],
                "network_reason_code": code,
            },
            "type": "card",
        },
        "reason": reason,
        "status": status,
    }
