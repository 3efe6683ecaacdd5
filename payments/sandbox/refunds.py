"""Refunds of payment intents. All functions run inside the store's transaction."""

from payments.sandbox.lifecycle import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document, new_id
from payments.sandbox.wire import Params, integer, invalid, mapping, missing, required

REASONS = (None, "", "duplicate", "fraudulent", "requested_by_customer")


def create(context: Context, params: Params) -> Document:
    """Refund a charge. Raises ApiError for more than is left of it."""
    store = context.store
    identifier = required(params, "payment_intent")
    intent = store.get("payment_intent", identifier)
    if intent is None:
        raise missing("payment_intent", identifier, param="payment_intent", status=400)
    if params.get("reason") not in REASONS:
        raise invalid("Invalid reason.", param="reason")
    left = intent["amount_received"] - refunded(context, intent)
    if not intent["amount_received"]:
        raise invalid("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    if left == 0:
        raise invalid(f"Charge {intent['latest_charge']} has already been refunded.", code="charge_already_refunded")
    amount = integer(params, "amount")
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise invalid(f"Refund amount ({amount}) is not between 1 and the refundable amount ({left}).", param="amount")
    refund: Document = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": intent["latest_charge"],
        "created": store.now(),
        "currency": intent["currency"],
        "failure_reason": None,
        "metadata": mapping(params, "metadata"),
        "payment_intent": intent["id"],
        "reason": params.get("reason") or None,
        "status": "succeeded",
    }
    store.add("refund", refund, parent=intent["id"])
    store.add_event("charge.refunded", _charge(context, intent))
    return refund


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    refund = context.store.get("refund", identifier)
    if refund is None:
        raise missing("refund", identifier)
    return refund


def list_(context: Context, params: Params) -> Document:
    return listing(context.store, params, "refund", url="/v1/refunds", parent=params.get("payment_intent") or None)


def refunded(context: Context, intent: Document) -> int:
    """The amount refunded of an intent, in minor units."""
    refunds, more = context.store.page("refund", limit=1000, parent=intent["id"])
    if more:
        raise invalid("Too many refunds of one charge.")
    return sum(refund["amount"] for refund in refunds)


def _charge(context: Context, intent: Document) -> Document:
    amount_refunded = refunded(context, intent)
    return {
        "id": intent["latest_charge"],
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount_received"],
        "amount_refunded": amount_refunded,
        "currency": intent["currency"],
        "metadata": intent["metadata"],
        "payment_intent": intent["id"],
        "refunded": amount_refunded == intent["amount_received"],
    }
