"""Refunds: what asks for them, and their life afterwards. All functions run inside the store's transaction.

A refund can begin pending, and can fail days after it succeeded: then its amount can be refunded again.
"""

from typing import Any

from payments.sandbox import charges, events, payment_methods
from payments.sandbox.context import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, integer, invalid, mapping, new_id, one_of, required

REASONS = (None, "", "duplicate", "fraudulent", "requested_by_customer")
STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")
PENDING_REASONS = ("processing", "insufficient_funds", "charge_pending")
FAILURE_REASONS = (
    "lost_or_stolen_card", "expired_or_canceled_card", "charge_for_pending_refund_disputed", "insufficient_funds",
    "declined", "merchant_request", "unknown",
)  # fmt: skip


def create(context: Context, params: Params) -> Document:
    """Refund a charge. Raises ApiError for more than is left of it."""
    intent = _refunded_intent(context, params)
    if params.get("reason") not in REASONS:
        raise invalid("Invalid reason.", param="reason")
    amount = integer(params, "amount")
    left = _left(context, intent)
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        message = f"Refund amount ({amount}) is not between 1 and the refundable amount ({left})."
        raise invalid(message, param="amount", saved=True)
    if refused := context.fault("refunds_refused"):
        code = refused.code or "balance_insufficient"
        raise invalid("The refund was refused: an injected fault.", code=code, saved=True)
    refund = _new(context, intent, amount, params)
    context.store.add("refund", refund, parent=intent["id"])
    _begin(context, refund, intent)
    events.announce(context, "refund.created", refund)
    charge = charges.count_refunds(context, intent)
    if refund["status"] == "failed":
        events.announce(context, "refund.failed", refund)
    else:
        events.announce(context, "charge.refunded", charge)
    return refund


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return context.get("refund", identifier)


def update(context: Context, params: Params, identifier: str) -> Document:
    """Change the metadata; an empty value removes its key."""
    refund = retrieve(context, params, identifier)
    before = refund["metadata"]
    refund["metadata"] = {key: value for key, value in (before | mapping(params, "metadata")).items() if value != ""}
    context.store.save(refund)
    events.announce(context, "refund.updated", refund, previous={"metadata": before})
    return refund


def cancel(context: Context, params: Params, identifier: str) -> Document:
    """Cancel a refund that waits for the customer. Raises ApiError in any other status."""
    refund = retrieve(context, params, identifier)
    if refund["status"] != "requires_action":
        raise invalid(f"You cannot cancel a refund whose status is {refund['status']}.", saved=True)
    return move(context, identifier, "canceled")


def list_(context: Context, params: Params) -> Document:
    """The refunds of a `payment_intent`, of a `charge`, or all."""
    parent = charges.filtered_intent(context, params)
    return listing(context.store, params, "refund", url="/v1/refunds", parent=parent)


def move(
    context: Context, identifier: str, status: str, *, pending_reason: str = "", failure_reason: str = ""
) -> Document:
    """Move a refund to any status, with the events that Stripe sends. Raises ApiError for one that Stripe has not."""
    one_of(STATUSES, status, "status")
    one_of(("", *PENDING_REASONS), pending_reason, "pending_reason")
    one_of(("", *FAILURE_REASONS), failure_reason, "failure_reason")
    refund = context.get("refund", identifier)
    before = {key: refund.get(key) for key in ("status", "failure_reason", "pending_reason")}
    context.store.unschedule("refund", identifier)
    _become(refund, status, pending_reason=pending_reason, failure_reason=failure_reason, now=context.store.now())
    context.store.save(refund)
    charges.count_refunds(context, context.get("payment_intent", refund["payment_intent"]))
    previous = {key: value for key, value in before.items() if value != refund.get(key)}
    for type_ in ("refund.updated", "charge.refund.updated"):
        events.announce(context, type_, refund, previous=previous)
    if status == "failed":
        events.announce(context, "refund.failed", refund)
    return refund


def _refunded_intent(context: Context, params: Params) -> Document:
    """The intent that `payment_intent` or `charge` names. Raises ApiError unless something of it was captured."""
    identifier = params.get("payment_intent") or ""
    if not identifier and params.get("charge"):
        identifier = context.get("charge", required(params, "charge"), param="charge", status=400)["payment_intent"]
    identifier = identifier or required(params, "payment_intent")
    intent = context.get("payment_intent", identifier, param="payment_intent", status=400)
    if not intent["amount_received"]:
        message = "This PaymentIntent does not have a successful charge to refund."
        raise invalid(message, param="payment_intent", saved=True)
    return intent


def _left(context: Context, intent: Document) -> int:
    """What can still be refunded. Raises ApiError if it is nothing."""
    left = charges.refundable(context, intent)
    if left == 0 and charges.disputed(context, intent):
        message = f"Charge {intent['latest_charge']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed", saved=True)
    if left == 0:
        message = f"Charge {intent['latest_charge']} has already been refunded."
        raise invalid(message, code="charge_already_refunded", saved=True)
    return left


def _new(context: Context, intent: Document, amount: int, params: Params) -> Document:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": intent["latest_charge"],
        "created": context.store.now(),
        "currency": intent["currency"],
        "destination_details": _destination(context, intent),
        "metadata": mapping(params, "metadata"),
        "payment_intent": intent["id"],
        "reason": params.get("reason") or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def _begin(context: Context, refund: Document, intent: Document) -> None:
    """Give a new refund the status in which it begins, and schedule the one that follows."""
    card = payment_methods.of_intent(context.store, intent)
    first, then = card.refund if card else ("succeeded", "succeeded")
    seconds = None
    reasons: dict[str, Any] = {}
    if fault := context.fault("refunds_failed"):
        first = then = "failed"
        reasons = {"failure_reason": fault.code or "declined"}
    elif context.fault("refunds_unfunded"):
        # Stripe waits for the balance to suffice for a card, and for no other payment method.
        first = then = "pending" if card else "failed"
        reasons = {"pending_reason": "insufficient_funds", "failure_reason": "insufficient_funds"}
    elif fault := context.fault("refunds_pending"):
        first, then, seconds = "pending", "succeeded", fault.seconds
    _become(refund, first, now=context.store.now(), **reasons)
    context.store.save(refund)
    if then != first:
        context.happen_later("refund", refund["id"], then, seconds)


def _become(refund: Document, status: str, *, now: int, pending_reason: str = "", failure_reason: str = "") -> None:
    for name in ("pending_reason", "failure_reason", "failure_balance_transaction", "next_action"):
        refund.pop(name, None)
    refund["status"] = status
    if status == "pending":
        refund["pending_reason"] = pending_reason or "processing"
    elif status == "requires_action":
        details = {"email_sent": {"email_sent_at": now, "email_sent_to": None}, "expires_at": now + 45 * 86_400}
        refund["next_action"] = {"type": "display_details", "display_details": details}
    elif status == "failed":
        refund["failure_reason"] = failure_reason or "unknown"
        if refund.get("balance_transaction"):
            refund["failure_balance_transaction"] = new_id("txn")
    elif status == "succeeded" and not refund.get("balance_transaction"):
        refund["balance_transaction"] = new_id("txn")


def _destination(context: Context, intent: Document) -> Document:
    if payment_methods.of_intent(context.store, intent) is None:
        return {"type": "pix", "pix": {}}
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {"type": "card", "card": card}
