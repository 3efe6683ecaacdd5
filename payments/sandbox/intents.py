"""Payment intents: created, confirmed, captured, cancelled, read and listed, in the words of Stripe's API.

An intent is a JSON document; what only the sandbox may know of it stands under `_sandbox` and never leaves.
All functions run inside the store's transaction.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from payments.sandbox import payment_methods, pix
from payments.sandbox.cards import TestCard
from payments.sandbox.store import Document, Store, new_id
from payments.sandbox.wire import ApiError, Params, integer, invalid, mapping, missing, required, truth

SMALLEST_AMOUNT = 50
PIX_SECONDS = (60, 1_209_600)
PIX_SECONDS_BY_DEFAULT = 14_400
CANCELLABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"})


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request runs: the memory, and the address under which the shopper's browser reaches the sandbox."""

    store: Store
    public_url: str


def create(context: Context, params: Params) -> Document:
    if "payment_method_types" in params:
        raise invalid(
            "The parameter payment_method_types is no longer supported. Use allowed_payment_method_types.",
            param="payment_method_types",
            code="payment_method_types_no_longer_supported",
        )
    amount, currency = integer(params, "amount"), required(params, "currency").lower()
    if amount is None:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    if amount < SMALLEST_AMOUNT:
        raise invalid("Amount must be at least 50 in minor units.", param="amount", code="amount_too_small")
    if amount > 99_999_999:
        raise invalid("Amount must be no more than 999,999.99.", param="amount", code="amount_too_large")
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    intent = _new(context, params, amount, currency)
    context.store.add("payment_intent", intent)
    return _confirm(context, intent, params) if truth(params, "confirm") else intent


def confirm(context: Context, params: Params, identifier: str) -> Document:
    intent = _get(context, identifier)
    if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
        raise unexpected_state(intent, "confirm")
    return _confirm(context, intent, params)


def capture(context: Context, params: Params, identifier: str) -> Document:
    intent = _get(context, identifier)
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture")
    amount = integer(params, "amount_to_capture")
    amount = intent["amount_capturable"] if amount is None else amount
    if not 0 < amount <= intent["amount_capturable"]:
        raise invalid("The amount to capture is larger than what is authorized.", param="amount_to_capture")
    return succeed(context, intent, amount)


def cancel(context: Context, params: Params, identifier: str) -> Document:
    intent = _get(context, identifier)
    if intent["status"] not in CANCELLABLE:
        raise unexpected_state(intent, "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": context.store.now(),
        "cancellation_reason": params.get("cancellation_reason"),
        "amount_capturable": 0,
        "next_action": None,
    }
    return _announce(context, intent, "payment_intent.canceled")


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return _get(context, identifier)


def list_(context: Context, params: Params) -> Document:
    limit = integer(params, "limit") or 10
    if not 1 <= limit <= 100:
        raise invalid("The limit must be between 1 and 100.", param="limit")
    after = params.get("starting_after")
    intents, more = context.store.page(
        "payment_intent", limit=limit, after=after or None, created=_created_range(params)
    )
    return {"object": "list", "url": "/v1/payment_intents", "has_more": more, "data": [public(i) for i in intents]}


# --- What happens to an intent outside the API ------------------------------------------------------------------------


def succeed(context: Context, intent: Document, amount: int) -> Document:
    """The money is there."""
    intent |= {
        "status": "succeeded",
        "amount_received": amount,
        "amount_capturable": 0,
        "next_action": None,
        "last_payment_error": None,
        "canceled_at": None,
        "latest_charge": intent["latest_charge"] or new_id("ch"),
    }
    return _announce(context, intent, "payment_intent.succeeded")


def fail(context: Context, intent: Document, error: Document) -> Document:
    """This try came to nothing; the intent asks for another payment method."""
    intent |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
    }
    return _announce(context, intent, "payment_intent.payment_failed")


def finish_challenge(context: Context, identifier: str, *, authenticated: bool) -> Document:
    """The shopper answered the 3-D Secure question. An intent that does not wait for it stays as it is."""
    intent = _get(context, identifier)
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
        return fail(context, intent, payment_methods.decline(card, intent))
    return _authorized(context, intent)


def pay_pix(context: Context, identifier: str, *, late_allowed: bool) -> bool:
    """The shopper's bank pays the Pix charge; whether it was taken. `late_allowed`: also when expired or cancelled."""
    intent = _get(context, identifier)
    code = intent["_sandbox"].get("pix")
    if code is None or intent["amount_received"]:
        return False
    in_time = intent["status"] == "requires_action" and context.store.now() < code["expires_at"]
    if not (in_time or late_allowed):
        return False
    succeed(context, intent, intent["amount"])
    return True


def expire_pix(context: Context) -> int:
    """Close Pix charges whose time is over; how many there were."""
    due = context.store.intents_due(context.store.now())
    for intent in due:
        fail(context, intent, {
            "type": "invalid_request_error",
            "code": "payment_intent_payment_attempt_expired",
            "message": "The Pix code expired before it was paid.",
        })  # fmt: skip
    return len(due)


def return_address(intent: Document) -> str:
    """Where the 3-D Secure page sends the shopper back to, with what came of it."""
    address = str(intent["_sandbox"].get("return_url") or "")
    came_through = intent["status"] in {"succeeded", "requires_capture"}
    query = urlencode({
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if came_through else "failed",
    })  # fmt: skip
    return f"{address}{'&' if urlsplit(address).query else '?'}{query}"


def public(document: Document) -> Document:
    """The document as the API shows it."""
    return {key: value for key, value in document.items() if key != "_sandbox"}


def unexpected_state(intent: Document, verb: str) -> ApiError:
    return ApiError(
        400,
        "invalid_request_error",
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=public(intent),
    )


# --- Inside -----------------------------------------------------------------------------------------------------------


def _new(context: Context, params: Params, amount: int, currency: str) -> Document:
    identifier = new_id("pi")
    return {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": _choice(params, "capture_method", ("automatic", "manual", "automatic_async")),
        "client_secret": f"{identifier}_secret_{new_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": context.store.now(),
        "currency": currency,
        "customer": None,
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": mapping(params, "metadata"),
        "next_action": None,
        "payment_method": None,
        "payment_method_types": params.get("allowed_payment_method_types") or ["card", "pix"],
        "status": "requires_payment_method",
        "_sandbox": {"return_url": params.get("return_url")},
    }


def _confirm(context: Context, intent: Document, params: Params) -> Document:
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
        return _challenge(context, intent, error=truth(params, "error_on_requires_action"))
    if card.declined:
        return _decline(context, intent, card)
    return _authorized(context, intent)


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
    return _announce(context, intent, "payment_intent.requires_action")


def _pix_expiry(context: Context, options: Params) -> int:
    now = context.store.now()
    seconds = integer(options, "expires_after_seconds")
    expires_at = integer(options, "expires_at")
    if expires_at is None:
        expires_at = now + (PIX_SECONDS_BY_DEFAULT if seconds is None else seconds)
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
    return _announce(context, intent, "payment_intent.requires_action")


def _decline(context: Context, intent: Document, card: TestCard) -> Document:
    intent["latest_charge"] = new_id("ch")
    error = payment_methods.decline(card, intent)
    fail(context, intent, error)
    fields: dict[str, Any] = {key: value for key, value in error.items() if key not in {"type", "message"}}
    raise ApiError(402, "card_error", error["message"], saved=True, **fields, payment_intent=public(intent))


def _authorized(context: Context, intent: Document) -> Document:
    if intent["capture_method"] != "manual":
        return succeed(context, intent, intent["amount"])
    intent |= {
        "status": "requires_capture",
        "amount_capturable": intent["amount"],
        "latest_charge": new_id("ch"),
        "next_action": None,
    }
    return _announce(context, intent, "payment_intent.amount_capturable_updated")


def _announce(context: Context, intent: Document, event: str) -> Document:
    context.store.save(intent)
    context.store.add_event(event, public(intent))
    return intent


def _get(context: Context, identifier: str) -> Document:
    intent = context.store.get("payment_intent", identifier)
    if intent is None:
        raise missing("payment_intent", identifier, param="intent")
    return intent


def _check_allowed(intent: Document, method: str) -> None:
    if method not in intent["payment_method_types"]:
        raise invalid(f"This PaymentIntent does not allow {method}.", param="payment_method")


def _choice(params: Params, name: str, choices: tuple[str, ...]) -> str:
    value = params.get(name) or choices[0]
    if value not in choices:
        raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}.", param=name)
    return str(value)


def _created_range(params: Params) -> tuple[int, int]:
    created = params.get("created")
    if isinstance(created, str):
        moment = integer(params, "created") or 0
        return moment, moment
    bounds = mapping(params, "created")
    low = max(integer(bounds, "gte") or 0, (integer(bounds, "gt") or -1) + 1)
    high = min(_or(integer(bounds, "lte"), 2**53), _or(integer(bounds, "lt"), 2**53 + 1) - 1)
    return low, high


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
