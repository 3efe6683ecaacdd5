"""Charges: one for each time that an intent reached the bank, with what was captured, refunded and disputed of it."""

from payments.sandbox import payment_methods
from payments.sandbox.cards import TestCard
from payments.sandbox.context import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document
from payments.sandbox.wire import Params, new_id

# A refund in one of these takes its amount off what is left of the charge.
COUNTED = frozenset({"pending", "requires_action", "succeeded"})


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return context.get("charge", identifier, param="charge")


def list_(context: Context, params: Params) -> Document:
    return listing(context.store, params, "charge", url="/v1/charges", parent=params.get("payment_intent") or None)


def authorize(context: Context, intent: Document) -> Document:
    """A new charge that the bank has authorized and nobody has captured. The intent refers to it from now on."""
    charge = _new(context, intent)
    intent["latest_charge"] = charge["id"]
    return context.store.add("charge", charge, parent=intent["id"])


def capture(context: Context, intent: Document, amount: int) -> Document:
    """Capture `amount` of the intent's authorized charge, or of a new one."""
    charge = context.store.get("charge", intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        charge = authorize(context, intent)
    charge |= {"captured": True, "amount_captured": amount, "balance_transaction": new_id("txn")}
    return context.store.save(charge)


def release(context: Context, intent: Document) -> Document:
    """Give an authorization back. Stripe calls that refunded, though nothing was captured."""
    charge = of_intent(context, intent)
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    return context.store.save(charge)


def decline(context: Context, intent: Document, card: TestCard) -> Document:
    """A new charge that the bank refused."""
    charge = _new(context, intent) | {
        "status": "failed",
        "paid": False,
        "failure_code": card.code,
        "failure_message": payment_methods.decline_message(card),
    }
    intent["latest_charge"] = charge["id"]
    return context.store.add("charge", charge, parent=intent["id"])


def of_intent(context: Context, intent: Document) -> Document:
    """The latest charge of an intent that has one. Made now if the intent was stored without."""
    charge = context.store.get("charge", intent["latest_charge"])
    if charge is not None:
        return charge
    charge = _new(context, intent) | {"id": intent["latest_charge"], "created": intent["created"]}
    charge |= {"captured": bool(intent["amount_received"]), "amount_captured": intent["amount_received"]}
    return context.store.add("charge", charge, parent=intent["id"])


def count_refunds(context: Context, intent: Document) -> Document:
    """Bring the charge up to date with its refunds."""
    charge = of_intent(context, intent)
    refunds = context.store.children("refund", intent["id"])
    refunded = sum(refund["amount"] for refund in refunds if refund["status"] in COUNTED)
    charge |= {"amount_refunded": refunded, "refunded": 0 < refunded == charge["amount_captured"]}
    return context.store.save(charge)


def count_disputes(context: Context, intent: Document) -> Document:
    """Bring the charge up to date with its disputes."""
    charge = of_intent(context, intent)
    charge["disputed"] = bool(context.store.children("dispute", intent["id"]))
    return context.store.save(charge)


def refundable(context: Context, intent: Document) -> int:
    """What can still be refunded: neither refunded nor withdrawn by a dispute."""
    charge = of_intent(context, intent)
    left: int = charge["amount_captured"] - charge["amount_refunded"] - disputed(context, intent)
    return max(left, 0)


def disputed(context: Context, intent: Document) -> int:
    """What disputes have withdrawn and not reinstated, without their fees."""
    disputes = context.store.children("dispute", intent["id"])
    return -sum(int(moved["amount"]) for dispute in disputes for moved in dispute["balance_transactions"])


def filtered_intent(context: Context, params: Params) -> str | None:
    """The id of the intent to which `payment_intent` or `charge` restricts a list."""
    if charge := params.get("charge"):
        identifier: str = context.get("charge", charge, param="charge", status=400)["payment_intent"]
        return identifier
    return params.get("payment_intent") or None


def _new(context: Context, intent: Document) -> Document:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": None,
        "captured": False,
        "created": context.store.now(),
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": None,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": payment_methods.details(context.store, intent),
        "receipt_email": None,
        "receipt_url": None,
        "refunded": False,
        "shipping": None,
        "status": "succeeded",
    }
