"""Payment intents: create, confirm, capture, cancel, retrieve and list, as in Stripe's API.

All functions run inside the store's transaction.
"""

from payments.sandbox import lifecycle
from payments.sandbox.context import Context
from payments.sandbox.lists import listing
from payments.sandbox.store import Document
from payments.sandbox.wire import ApiError, Params, boolean, integer, invalid, mapping, new_id, public, required

SMALLEST_AMOUNT = 50
CANCELLABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"})


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
    intent = new(params, amount, currency, created=context.store.now())
    context.store.add("payment_intent", intent)
    return lifecycle.confirm(context, intent, params) if boolean(params, "confirm") else intent


def confirm(context: Context, params: Params, identifier: str) -> Document:
    intent = lifecycle.get(context, identifier)
    if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
        raise unexpected_state(intent, "confirm")
    return lifecycle.confirm(context, intent, params)


def capture(context: Context, params: Params, identifier: str) -> Document:
    intent = lifecycle.get(context, identifier)
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture")
    amount = integer(params, "amount_to_capture")
    amount = intent["amount_capturable"] if amount is None else amount
    if not 0 < amount <= intent["amount_capturable"]:
        raise invalid("The amount to capture is larger than what is authorized.", param="amount_to_capture")
    return lifecycle.succeed(context, intent, amount)


def cancel(context: Context, params: Params, identifier: str) -> Document:
    intent = lifecycle.get(context, identifier)
    if intent["status"] not in CANCELLABLE:
        raise unexpected_state(intent, "cancel")
    return lifecycle.cancel(context, intent, params.get("cancellation_reason"))


def retrieve(context: Context, _params: Params, identifier: str) -> Document:
    return lifecycle.get(context, identifier)


def list_(context: Context, params: Params) -> Document:
    return listing(context.store, params, "payment_intent", url="/v1/payment_intents")


def unexpected_state(intent: Document, verb: str) -> ApiError:
    return ApiError(
        400,
        "invalid_request_error",
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        saved=True,
        code="payment_intent_unexpected_state",
        payment_intent=public(intent),
    )


def new(params: Params, amount: int, currency: str, *, created: int) -> Document:
    """An intent that waits for a payment method, not yet stored."""
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
        "created": created,
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


def _choice(params: Params, name: str, choices: tuple[str, ...]) -> str:
    value = params.get(name) or choices[0]
    if value not in choices:
        raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}.", param=name)
    return str(value)
