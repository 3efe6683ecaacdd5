"""The lifecycle of a payment intent: confirmed, challenged, declined, authorized, paid, expired.

An intent is a JSON document; its private data is under `_sandbox` and never returned by the API.
All functions run inside the store's transaction.
"""

from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from payments.sandbox import charges, events, payment_methods, pix
from payments.sandbox.cards import TestCard
from payments.sandbox.context import Context
from payments.sandbox.store import Document
from payments.sandbox.wire import ApiError, Params, boolean, integer, invalid, mapping, new_id, public, required

PIX_SECONDS = (60, 1_209_600)
DEFAULT_PIX_SECONDS = 14_400
AUTHORIZED_SECONDS = 7 * 86_400


def confirm(context: Context, intent: Document, params: Params) -> Document:
    """Pay with the method in `params`. Raises ApiError, also if the bank declines."""
    intent["_sandbox"]["return_url"] = params.get("return_url") or intent["_sandbox"]["return_url"]
    data = mapping(params, "payment_method_data")
    if data.get("type") == "pix":
        return _confirm_pix(context, intent, params)
    token = required(params, "payment_method")
    _check_allowed(intent, "card")
    card = payment_methods.behaviour(context.store, token)
    intent["payment_method"] = token
    intent["_sandbox"]["token"] = token
    if card.challenge:
        return _challenge(context, intent, error=boolean(params, "error_on_requires_action"))
    if card.declined:
        return _decline(context, intent, card)
    return _authorized(context, intent)


def finish_challenge(context: Context, identifier: str, *, authenticated: bool) -> Document:
    """Record the shopper's answer to the 3-D Secure challenge. No effect on an intent that does not wait for it."""
    intent = get(context, identifier)
    if intent["status"] != "requires_action" or not (intent["next_action"] or {}).get("redirect_to_url"):
        return intent
    card = payment_methods.behaviour(context.store, intent["_sandbox"]["token"])
    if not authenticated:
        return fail(context, intent, {
            "type": "invalid_request_error",
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        })  # fmt: skip
    if card.declined:
        charges.decline(context, intent, card)
        return fail(context, intent, payment_methods.decline(card, intent))
    return _authorized(context, intent)


def pay_pix(context: Context, identifier: str, *, late_allowed: bool) -> bool:
    """Pay a Pix charge; returns whether it was accepted. `late_allowed`: even if expired or cancelled."""
    intent = get(context, identifier)
    code = intent["_sandbox"].get("pix")
    if code is None or intent["amount_received"]:
        return False
    in_time = intent["status"] == "requires_action" and context.store.now() < code["expires_at"]
    if not (in_time or late_allowed):
        return False
    succeed(context, intent, intent["amount"])
    return True


def expire_pix(context: Context) -> int:
    """Fail expired Pix charges; returns how many."""
    due = context.store.intents_due(context.store.now())
    for intent in due:
        fail(context, intent, {
            "type": "invalid_request_error",
            "code": "payment_intent_payment_attempt_expired",
            "message": "The Pix code expired before it was paid.",
        })  # fmt: skip
    return len(due)


def succeed(context: Context, intent: Document, amount: int) -> Document:
    """Mark the intent as paid."""
    charges.capture(context, intent, amount)
    intent |= {
        "status": "succeeded",
        "amount_received": amount,
        "amount_capturable": 0,
        "next_action": None,
        "last_payment_error": None,
        "canceled_at": None,
    }
    card = payment_methods.of_intent(context.store, intent)
    if card and card.trouble:
        what, reason = card.trouble
        context.happen_later(what, intent["id"], reason)
    return announce(context, intent, "payment_intent.succeeded")


def cancel(context: Context, intent: Document, reason: str | None) -> Document:
    """Cancel the intent; what was only authorized is released."""
    if intent["status"] == "requires_capture":
        events.announce(context, "charge.refunded", charges.release(context, intent))
    intent |= {
        "status": "canceled",
        "canceled_at": context.store.now(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    return announce(context, intent, "payment_intent.canceled")


def expire_authorization(context: Context, identifier: str, _argument: str) -> None:
    """Cancel an intent that nobody captured in time. No effect on any other."""
    intent = get(context, identifier)
    if intent["status"] == "requires_capture":
        cancel(context, intent, "automatic")


def fail(context: Context, intent: Document, error: Document) -> Document:
    """Mark this try as failed; the intent then requires another payment method."""
    intent |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
    }
    return announce(context, intent, "payment_intent.payment_failed")


def announce(context: Context, intent: Document, event: str) -> Document:
    """Save the intent and queue its event."""
    context.store.save(intent)
    events.announce(context, event, intent)
    return intent


def get(context: Context, identifier: str) -> Document:
    """The intent. Raises ApiError if it does not exist."""
    return context.get("payment_intent", identifier, param="intent")


def return_address(intent: Document) -> str:
    """The URL to which the 3-D Secure page returns the shopper, with the result."""
    address = str(intent["_sandbox"].get("return_url") or "")
    has_succeeded = intent["status"] in {"succeeded", "requires_capture"}
    query = urlencode({
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if has_succeeded else "failed",
    })  # fmt: skip
    return f"{address}{'&' if urlsplit(address).query else '?'}{query}"


def _confirm_pix(context: Context, intent: Document, params: Params) -> Document:
    _check_allowed(intent, "pix")
    if intent["currency"] != "brl":
        raise invalid("Pix pays only in brl.", param="currency")
    expires_at = _pix_expiry(context, mapping(mapping(params, "payment_method_options"), "pix"))
    host = urlsplit(context.public_url).netloc
    hosted = f"{context.public_url}/_sandbox/pix/{quote(intent['id'])}"
    intent["_sandbox"]["pix"] = {"expires_at": expires_at}
    intent["payment_method"] = new_id("pm")
    intent["status"] = "requires_action"
    intent["next_action"] = {
        "type": "pix_display_qr_code",
        "pix_display_qr_code": {
            "data": pix.br_code(f"{host}/pix/{intent['id']}", Decimal(intent["amount"]).scaleb(-2)),
            "expires_at": expires_at,
            "hosted_instructions_url": hosted,
            "image_url_svg": f"{hosted}.svg",
            "image_url_png": None,
        },
    }
    return announce(context, intent, "payment_intent.requires_action")


def _pix_expiry(context: Context, options: Params) -> int:
    now = context.store.now()
    seconds = integer(options, "expires_after_seconds")
    expires_at = integer(options, "expires_at")
    if expires_at is None:
        expires_at = now + (DEFAULT_PIX_SECONDS if seconds is None else seconds)
    shortest, longest = PIX_SECONDS
    if not now + shortest <= expires_at <= now + longest:
        raise invalid(
            "A Pix code expires between 60 seconds and 14 days from now.",
            param="payment_method_options[pix][expires_at]",
        )
    return expires_at


def _challenge(context: Context, intent: Document, *, error: bool) -> Document:
    if error or not intent["_sandbox"]["return_url"]:
        return _decline(context, intent, TestCard("visa", "0000", code="authentication_required"))
    intent["status"] = "requires_action"
    intent["next_action"] = {
        "type": "redirect_to_url",
        "redirect_to_url": {
            "url": f"{context.public_url}/_sandbox/3ds/{quote(intent['id'])}",
            "return_url": intent["_sandbox"]["return_url"],
        },
    }
    return announce(context, intent, "payment_intent.requires_action")


def _decline(context: Context, intent: Document, card: TestCard) -> Document:
    charges.decline(context, intent, card)
    error = payment_methods.decline(card, intent)
    fail(context, intent, error)
    fields: dict[str, Any] = {key: value for key, value in error.items() if key not in {"type", "message"}}
    raise ApiError(402, "card_error", error["message"], saved=True, **fields, payment_intent=public(intent))


def _authorized(context: Context, intent: Document) -> Document:
    if intent["capture_method"] != "manual" and context.fault("manual_capture"):
        intent["capture_method"] = "manual"
    if intent["capture_method"] != "manual":
        return succeed(context, intent, intent["amount"])
    charges.authorize(context, intent)
    intent |= {"status": "requires_capture", "amount_capturable": intent["amount"], "next_action": None}
    context.happen_later("expire_authorization", intent["id"], "", AUTHORIZED_SECONDS)
    return announce(context, intent, "payment_intent.amount_capturable_updated")


def _check_allowed(intent: Document, method: str) -> None:
    if method not in intent["payment_method_types"]:
        raise invalid(f"This PaymentIntent does not allow {method}.", param="payment_method")
