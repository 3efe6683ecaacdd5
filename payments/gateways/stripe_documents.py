"""Parsing of Stripe's payment intents and events (plain JSON) into outcomes."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from config.money import ZERO, from_minor_units
from payments.exceptions import MalformedEvent
from payments.gateways.base import Action, Outcome, ProviderEvent, Subject
from payments.gateways.stripe_charges import warning_of

Document = dict[str, Any]

# Metadata key of an intent that only consumes the idempotency key of a lost attempt.
PLACEHOLDER = "instead_of"

# Never stored: secrets and personal data.
_PRIVATE = frozenset({
    "client_secret", "billing_details", "shipping", "receipt_email", "receipt_url", "customer_details",
    "payment_method_details", "payment_method", "charges", "receipt_number",
})  # fmt: skip

# What JSON may escape and PostgreSQL cannot store: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")

# Created and never confirmed, as after a failure halfway through our one call.
_IDLE = frozenset({"requires_payment_method", "requires_confirmation"})

_SUBJECTS: dict[str, Subject] = {
    "payment_intent.succeeded": "outcome",
    "payment_intent.payment_failed": "outcome",
    "payment_intent.canceled": "outcome",
    "payment_intent.requires_action": "outcome",
    "payment_intent.amount_capturable_updated": "outcome",
    "refund.created": "charge",
    "refund.updated": "charge",
    "refund.failed": "charge",
    "charge.refunded": "charge",
    "charge.refund.updated": "charge",
    "charge.dispute.created": "charge",
    "charge.dispute.updated": "charge",
    "charge.dispute.closed": "charge",
    "charge.dispute.funds_withdrawn": "charge",
    "charge.dispute.funds_reinstated": "charge",
    "radar.early_fraud_warning.created": "warning",
    "radar.early_fraud_warning.updated": "warning",
    # The intent's own events tell the same, or nothing has happened yet.
    "payment_intent.created": "nothing",
    "payment_intent.processing": "nothing",
    "charge.succeeded": "nothing",
    "charge.failed": "nothing",
    "charge.pending": "nothing",
    "charge.captured": "nothing",
    "charge.expired": "nothing",
    "charge.updated": "nothing",
}
# The events that tell what became of a captured charge.
AFTER_CAPTURE = [type_ for type_, subject in _SUBJECTS.items() if subject in ("charge", "warning")]


def outcome_of_intent(intent: Document) -> Outcome:
    """The outcome of a payment intent. Money that was received makes it approved, whatever its status, and nothing
    else does."""
    reference = str(intent["id"])
    captured = from_minor_units(intent.get("amount_received") or 0, intent["currency"])
    status = intent.get("status")
    if captured:
        currency = str(intent["currency"]).upper()
        return Outcome(kind="approved", provider_reference=reference, captured=captured, currency=currency)
    if status == "requires_capture":
        return Outcome(kind="authorized", provider_reference=reference, captured=ZERO)
    if status == "canceled":
        return Outcome(kind="cancelled", provider_reference=reference, captured=ZERO)
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        code, message = decline_of(intent["last_payment_error"])
        return Outcome(kind="declined", provider_reference=reference, decline_code=code, message=message, captured=ZERO)
    action = _action_of(intent.get("next_action") or {}) if status == "requires_action" else None
    if action is not None:
        return Outcome(kind="action", provider_reference=reference, action=action, captured=ZERO)
    message = f"The intent is {status}."
    return Outcome(kind="unknown", provider_reference=reference, message=message, is_idle=status in _IDLE)


def decline_of(error: Document) -> tuple[str, str]:
    """The decline code and the message of an error document."""
    return str(error.get("decline_code") or error.get("code") or "declined"), str(error.get("message") or "")


def _action_of(next_action: Document) -> Action | None:
    redirect = next_action.get("redirect_to_url")
    if redirect:
        return Action(type="redirect", url=str(redirect["url"]))
    pix = next_action.get("pix_display_qr_code")
    if pix:
        expires_at = datetime.fromtimestamp(int(pix["expires_at"]), UTC) if pix.get("expires_at") else None
        return Action(type="pix", qr_code=str(pix.get("data") or ""), expires_at=expires_at)
    return None


def parse_event(raw: bytes) -> ProviderEvent:
    """Parse the body of a verified event. Raises MalformedEvent if it has another shape."""
    try:
        event = storable(json.loads(raw))
        if not all(isinstance(event[name], str) and event[name] for name in ("id", "type")):
            raise MalformedEvent
        return event_of(event)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise MalformedEvent from error


def event_of(event: Document) -> ProviderEvent:
    """Parse a verified event. Its outcome is the intent's state when the event was created; later ones may differ."""
    document = event["data"]["object"]
    is_intent = document.get("object") == "payment_intent"
    reference = document.get("id") if is_intent else document.get("payment_intent")
    metadata = document.get("metadata") or {}
    subject = "nothing" if PLACEHOLDER in metadata else _SUBJECTS.get(event["type"], "unknown")
    return ProviderEvent(
        event_id=str(event["id"]),
        type=str(event["type"]),
        payload=without_private_data(event),
        provider_reference=str(reference or ""),
        attempt_id=_attempt_id(metadata),
        subject=subject,
        outcome=outcome_of_intent(document) if subject == "outcome" else None,
        warning=warning_of(document) if subject == "warning" else None,
    )


def _attempt_id(metadata: Document) -> UUID | None:
    try:
        return UUID(str(metadata.get("attempt", "")))
    except ValueError:
        return None


def without_private_data(value: Any) -> Any:
    """`value` without secrets and personal data, at any depth."""
    if isinstance(value, dict):
        return {key: without_private_data(item) for key, item in value.items() if key not in _PRIVATE}
    if isinstance(value, list):
        return [without_private_data(item) for item in value]
    return value


def storable(value: Any) -> Any:
    """`value` as PostgreSQL's jsonb can hold it: U+FFFD stands for what it refuses in texts, at any depth."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    # JSON has no NaN and no infinity, but Python reads them: from 1e999, for example.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
