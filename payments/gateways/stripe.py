"""Stripe, through its official SDK: payment intents created and confirmed by the server in one call.

The SDK's own retries are off: after a lost response we look the charge up instead of repeating the call. Every call has
a timeout. In the demo and the tests `STRIPE_API_BASE` points to the sandbox, so that the same code runs everywhere.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import stripe

from config.money import from_minor_units, to_minor_units
from config.resilience.breakers import ProviderFailure, breaker
from payments.exceptions import InvalidSignature
from payments.gateways.base import (
    PIX,
    AuthorizeRequest,
    CapturedCharge,
    KeyUse,
    LostAttempt,
    Outcome,
    ProviderCharge,
    ProviderEvent,
    RefundOutcome,
    RefundRequest,
)
from payments.gateways.stripe_calls import PIX_SERVICE, SERVICE, Answer, StripeCalls, open_circuit_as_unavailable, plain
from payments.gateways.stripe_documents import (
    AFTER_CAPTURE,
    decline_of,
    event_of,
    outcome_of_intent,
    parse_event,
    storable,
)
from payments.gateways.stripe_errors import NothingSent, unavailable
from payments.gateways.stripe_http import PooledClient
from payments.gateways.stripe_params import charge_params
from payments.gateways.stripe_refunds import StripeRefunds
from payments.gateways.stripe_search import IntentSearch, attempt_of
from payments.metrics import payment_call

# The version that `stripe_documents` reads; the account's default may differ.
API_VERSION = "2026-10-28.endive"
SIGNATURE_TOLERANCE_SECONDS = 300
CONNECT_SECONDS = 2.0
# Stripe's own servers give up earlier, and its SDKs wait 80 s.
LONGEST_REQUEST = timedelta(minutes=2)
# Stripe keeps them for at least a day.
KEY_LIFETIME = timedelta(hours=23)

logger = logging.getLogger(__name__)

stripe.enable_telemetry = False
# Below WARNING the SDK logs request data.
logging.getLogger("stripe").setLevel(logging.WARNING)


class StripeGateway:
    """See `payments.gateways.base.Gateway`. Thread-safe; threads share the kept connections."""

    name = SERVICE
    longest_request = LONGEST_REQUEST
    key_lifetime = KEY_LIFETIME

    def __init__(self, *, api_base: str, secret_key: str, webhook_secret: str, timeout_seconds: float) -> None:
        connect_seconds = min(CONNECT_SECONDS, timeout_seconds / 2)
        self._webhook_secret = webhook_secret
        self._client = stripe.StripeClient(
            # The SDK rejects an empty key on construction; a wrong one is rejected by Stripe on first use.
            secret_key or "missing",
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=0,
            http_client=PooledClient(
                api_base, connect_seconds=connect_seconds, read_seconds=timeout_seconds - connect_seconds
            ),
        )
        self._calls = StripeCalls(self._client)
        self._search = IntentSearch(self._calls)
        self._refunds = StripeRefunds(self._calls)

    @payment_call("authorize")
    def authorize(self, request: AuthorizeRequest) -> Outcome:
        params = charge_params(request)
        return self._call_intent(
            "authorize",
            lambda: self._calls.intents.create(params, {"idempotency_key": str(request.attempt_id)}),
            service=self._service_of(request.method_token),
        )

    def ensure_available(self, method_token: str) -> None:
        with open_circuit_as_unavailable():
            breaker(self._service_of(method_token)).ensure_available()

    def is_available(self, method_token: str) -> bool:
        return breaker(self._service_of(method_token)).is_healthy

    @payment_call("capture")
    def capture(self, provider_reference: str, amount: Decimal, currency: str, idempotency_key: str) -> Outcome:
        minor = to_minor_units(amount, currency)
        return self._call_intent(
            "capture",
            lambda: self._calls.intents.capture(
                provider_reference, {"amount_to_capture": minor}, {"idempotency_key": idempotency_key}
            ),
        )

    @payment_call("void")
    def void(self, provider_reference: str) -> Outcome:
        return self._call_intent("void", lambda: self._calls.cancel(provider_reference))

    @payment_call("retrieve")
    def retrieve(self, provider_reference: str) -> Outcome:
        return self._call_intent("retrieve", lambda: self._calls.intents.retrieve(provider_reference))

    @payment_call("use_up_key")
    def use_up_key(self, lost: LostAttempt) -> KeyUse:
        return self._search.use_up_key(lost)

    @payment_call("find")
    def find(self, lost: LostAttempt, first: datetime, last: datetime) -> Outcome | None:
        found = self._search.find(lost, first, last)
        return outcome_of_intent(found) if found else None

    @payment_call("refund")
    def refund(self, request: RefundRequest) -> RefundOutcome:
        return self._refunds.refund(request)

    @payment_call("charge")
    def charge(self, provider_reference: str) -> ProviderCharge:
        return self._refunds.charge(provider_reference)

    def captured_between(self, first: datetime, last: datetime) -> Iterator[CapturedCharge]:
        for intent in self._search.created(first, last, expand=["data.latest_charge"]):
            outcome = outcome_of_intent(intent)
            if outcome.captured:
                charge = intent.get("latest_charge") or {}
                yield CapturedCharge(
                    attempt_key=attempt_of(intent),
                    outcome=outcome,
                    refunded=from_minor_units(charge.get("amount_refunded") or 0, intent["currency"]),
                    is_disputed=bool(charge.get("disputed")),
                )

    def events_between(self, first: datetime, last: datetime) -> Iterator[ProviderEvent]:
        yield from map(event_of, self._search.events(first, last, AFTER_CAPTURE))

    def parse_webhook(self, raw: bytes, signature: str) -> ProviderEvent:
        try:
            stripe.WebhookSignature.verify_header(raw, signature, self._webhook_secret, SIGNATURE_TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
            raise InvalidSignature from error
        return parse_event(raw)

    def read_event(self, payload: dict[str, Any]) -> ProviderEvent:
        return event_of(payload)

    def _service_of(self, method_token: str) -> str:
        """The circuit breaker of this method. Cards and Pix have one each: either works while the other fails."""
        return PIX_SERVICE if method_token == PIX else SERVICE

    def _call_intent(self, what: str, call: Callable[[], stripe.PaymentIntent], *, service: str = SERVICE) -> Outcome:
        try:
            return outcome_of_intent(plain(self._call(call, service=service)))
        except NothingSent as error:
            raise unavailable(error.__cause__ or error, what) from error
        except ProviderFailure as error:
            cause = type(error.__cause__ or error).__name__
            logger.warning("The outcome of Stripe's %s is unknown: %s", what, cause)
            return Outcome(kind="unknown", message=cause)
        except stripe.StripeError as error:
            return _outcome_of_answer(error, what)

    def _call(self, call: Callable[[], Answer], *, service: str = SERVICE) -> Answer:
        return self._calls.call(call, service=service)


def _outcome_of_answer(error: stripe.StripeError, what: str) -> Outcome:
    """The outcome of an error response that is no failure of Stripe itself. Raises PaymentUnavailable."""
    document = _error_document(error)
    intent = document.get("payment_intent")
    if isinstance(error, stripe.CardError):
        code, message = decline_of(document)
        reference = str((intent or {}).get("id") or "")
        return Outcome(kind="declined", provider_reference=reference, decline_code=code, message=message)
    if intent:
        # For example, cancelling a paid intent: the error includes the intent with its actual state.
        return outcome_of_intent(intent)
    if isinstance(error, stripe.IdempotencyError) or error.http_status == 409:
        # The key is in use, or was used with other parameters: the outcome is that of the other call, not this one.
        logger.error("Stripe refused to %s with a key in use: request=%s", what, error.request_id)
        return Outcome(kind="unknown", message=type(error).__name__)
    if isinstance(error, stripe.APIError):
        # The failure of the first call under this key, repeated: that call may have done anything.
        logger.warning("Stripe repeated the failure of an earlier %s: request=%s", what, error.request_id)
        return Outcome(kind="unknown", message=type(error).__name__)
    if isinstance(error, stripe.InvalidRequestError) and str(error.param or "").startswith("payment_method"):
        return Outcome(kind="declined", decline_code="invalid_payment_method", message=error.user_message or "")
    raise unavailable(error, what, retry_after=60) from error


def _error_document(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    document = body.get("error") if isinstance(body, dict) else None
    return storable(document) if isinstance(document, dict) else {}
