"""Stripe, through its official SDK: payment intents created and confirmed by the server in one call.

The SDK's own retries are off: after a lost response we look the charge up instead of repeating the call. Every call has
a timeout. In the demo and the tests `STRIPE_API_BASE` points to the sandbox, so that the same code runs everywhere.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

import stripe
from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams

from config.db.locks import refuse_in_transaction
from config.money import to_minor_units
from config.resilience.breakers import BreakerOpen, ProviderFailure, breaker
from payments.exceptions import InvalidSignature
from payments.gateways.base import (
    PIX,
    AuthorizeRequest,
    LostAttempt,
    Outcome,
    ProviderEvent,
    RefundKind,
    RefundOutcome,
    RefundRequest,
)
from payments.gateways.stripe_documents import (
    PLACEHOLDER,
    decline_of,
    event_of,
    outcome_of_intent,
    parse_event,
    storable,
)
from payments.gateways.stripe_errors import NothingSent, failure_of, unavailable
from payments.metrics import payment_call

# The version that `stripe_documents` reads; the account's default may differ.
API_VERSION = "2026-10-28.endive"
SIGNATURE_TOLERANCE_SECONDS = 300
CONNECT_SECONDS = 2.0
# Stripe accepts no Pix expiry under a minute.
MIN_PIX_SECONDS = 65
# The window to search for a lost attempt: clocks differ, and the call may have been delayed.
SEARCH_SECONDS_BEFORE = 300
SEARCH_SECONDS_AFTER = 900
MAX_SEARCH_PAGES = 20

Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)

stripe.enable_telemetry = False
# Below WARNING the SDK logs request data.
logging.getLogger("stripe").setLevel(logging.WARNING)


class StripeGateway:
    """See `payments.gateways.base.Gateway`. Thread-safe: the SDK keeps one connection per thread."""

    name = "stripe"

    def __init__(self, *, api_base: str, secret_key: str, webhook_secret: str, timeout_seconds: float) -> None:
        connect_seconds = min(CONNECT_SECONDS, timeout_seconds / 2)
        self._webhook_secret = webhook_secret
        self._client = stripe.StripeClient(
            # The SDK rejects an empty key on construction; a wrong one is rejected by Stripe on first use.
            secret_key or "missing",
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=(connect_seconds, timeout_seconds - connect_seconds)),
        )

    @payment_call("authorize")
    def authorize(self, request: AuthorizeRequest) -> Outcome:
        params = _pix_params(request) if request.method_token == PIX else _card_params(request)
        return self._call_intent(
            "authorize",
            lambda: self._intents.create(params, {"idempotency_key": str(request.attempt_id)}),
            service=self._service_of(request.method_token),
        )

    def ensure_available(self, method_token: str) -> None:
        with _open_circuit_as_unavailable():
            breaker(self._service_of(method_token)).ensure_available()

    def is_available(self, method_token: str) -> bool:
        return breaker(self._service_of(method_token)).is_healthy

    @payment_call("capture")
    def capture(self, provider_reference: str, amount: Decimal, currency: str, idempotency_key: str) -> Outcome:
        minor = to_minor_units(amount, currency)
        return self._call_intent(
            "capture",
            lambda: self._intents.capture(
                provider_reference, {"amount_to_capture": minor}, {"idempotency_key": idempotency_key}
            ),
        )

    @payment_call("void")
    def void(self, provider_reference: str, idempotency_key: str) -> Outcome:
        return self._call_intent(
            "void", lambda: self._intents.cancel(provider_reference, {}, {"idempotency_key": idempotency_key})
        )

    @payment_call("retrieve")
    def retrieve(self, provider_reference: str) -> Outcome:
        return self._call_intent("retrieve", lambda: self._intents.retrieve(provider_reference))

    @payment_call("search")
    def search(self, lost: LostAttempt) -> Outcome:
        """Find the intent of `lost` among those created around that time; if there is none, make sure none follows.

        The original call is never repeated as a lookup: if it did not arrive the first time, the repetition would
        charge the shopper. Stripe's search endpoint would be simpler, but lags by up to a minute; the list does not.

        Finding nothing proves nothing: the lost call may still be in flight. So we consume its idempotency key with a
        placeholder intent that is never confirmed and cancelled at once. Stripe then rejects the late call, because it
        reuses the key with other parameters. If the placeholder is rejected instead, the lost call arrived first.
        """
        try:
            found = self._find(lost)
            if found is not None:
                return outcome_of_intent(found)
            return self._consume_key(lost)
        except (ProviderFailure, stripe.StripeError) as error:
            logger.warning("Stripe could not be searched for attempt %s: %s", lost.attempt_id, type(error).__name__)
            return Outcome(kind="unknown", message=type(error).__name__)

    @payment_call("refund")
    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Refund. Looks for an existing refund first, since Stripe drops idempotency keys after a day."""
        try:
            found = self._call(lambda: self._find_refund(request))
            if found is not None:
                return _refund_outcome(found)
            refund = self._call(
                lambda: self._client.v1.refunds.create(
                    {
                        "payment_intent": request.provider_reference,
                        "amount": to_minor_units(request.amount, request.currency),
                        "metadata": {"refund": str(request.refund_id)},
                    },
                    {"idempotency_key": str(request.refund_id)},
                )
            )
        except NothingSent as error:
            raise unavailable(error.__cause__ or error, "refund") from error
        except ProviderFailure as error:
            return RefundOutcome(kind="unknown", message=type(error.__cause__ or error).__name__)
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            return RefundOutcome(kind="failed", message=(error.user_message or "")[:500])
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise unavailable(error, "refund", retry_after=60) from error
        except stripe.StripeError as error:
            return RefundOutcome(kind="unknown", message=type(error).__name__)
        return _refund_outcome(_plain(refund))

    def captured_between(self, first: datetime, last: datetime) -> Iterator[tuple[str, Outcome]]:
        try:
            for intent in self._created(int(first.timestamp()), int(last.timestamp())):
                outcome = outcome_of_intent(intent)
                if outcome.captured:
                    yield _attempt_of(intent), outcome
        except (ProviderFailure, stripe.StripeError) as error:
            raise unavailable(error, "list") from error

    def parse_webhook(self, raw: bytes, signature: str) -> ProviderEvent:
        try:
            stripe.WebhookSignature.verify_header(raw, signature, self._webhook_secret, SIGNATURE_TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
            raise InvalidSignature from error
        return parse_event(raw)

    def read_event(self, payload: dict[str, Any]) -> ProviderEvent:
        return event_of(payload)

    @property
    def _intents(self) -> stripe.PaymentIntentService:
        return self._client.v1.payment_intents

    def _service_of(self, method_token: str) -> str:
        """The circuit breaker of this method. Cards and Pix have one each: either works while the other fails."""
        return f"{self.name}_pix" if method_token == PIX else self.name

    def _call_intent(self, what: str, call: Callable[[], stripe.PaymentIntent], *, service: str = name) -> Outcome:
        try:
            return outcome_of_intent(_plain(self._call(call, service=service)))
        except NothingSent as error:
            raise unavailable(error.__cause__ or error, what) from error
        except ProviderFailure as error:
            cause = type(error.__cause__ or error).__name__
            logger.warning("The outcome of Stripe's %s is unknown: %s", what, cause)
            return Outcome(kind="unknown", message=cause)
        except stripe.StripeError as error:
            return _outcome_of_answer(error, what)

    def _call(self, call: Callable[[], Answer], *, service: str = name) -> Answer:
        """Make one call through the breaker of `service`.

        Raises NothingSent or NoAnswer if Stripe failed, PaymentUnavailable if the circuit is open, and Stripe's own
        errors if it answered.
        """
        refuse_in_transaction("Stripe")
        with _open_circuit_as_unavailable(), breaker(service).calling():
            try:
                return call()
            except stripe.StripeError as error:
                failure = failure_of(error)
                if failure is None:
                    raise
                raise failure from error

    def _find(self, lost: LostAttempt) -> dict[str, Any] | None:
        started_at = int(lost.started_at.timestamp())
        intents = self._created(started_at - SEARCH_SECONDS_BEFORE, started_at + SEARCH_SECONDS_AFTER)
        return next((intent for intent in intents if _attempt_of(intent) == str(lost.attempt_id)), None)

    def _created(self, first: int, last: int) -> Iterator[dict[str, Any]]:
        """The intents created between two Unix timestamps, newest first, page by page."""
        params: PaymentIntentListParams = {"created": {"gte": first, "lte": last}, "limit": 100}
        for _page in range(MAX_SEARCH_PAGES):
            page = _plain(self._call(lambda: self._intents.list(params)))
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]
        raise stripe.APIError("Too many payment intents to search.")

    def _consume_key(self, lost: LostAttempt) -> Outcome:
        intent = self._call(
            lambda: self._intents.create(
                {
                    "amount": to_minor_units(lost.amount, lost.currency),
                    "currency": lost.currency.lower(),
                    "allowed_payment_method_types": ["card"],
                    "metadata": {PLACEHOLDER: str(lost.attempt_id)},
                },
                {"idempotency_key": str(lost.attempt_id)},
            )
        )
        try:
            self._call(lambda: self._intents.cancel(intent.id, {}, {"idempotency_key": f"{lost.attempt_id}:void"}))
        except (ProviderFailure, stripe.StripeError):
            logger.info("Placeholder %s was not cancelled; it has no payment method and cannot be charged.", intent.id)
        return Outcome(kind="cancelled", message="The provider never received the call.", captured=Decimal("0.00"))

    def _find_refund(self, request: RefundRequest) -> dict[str, Any] | None:
        refunds = self._client.v1.refunds.list({"payment_intent": request.provider_reference, "limit": 100})
        for refund in _plain(refunds)["data"]:
            if refund.get("metadata", {}).get("refund") == str(request.refund_id):
                return dict(refund)
        return None


@contextmanager
def _open_circuit_as_unavailable() -> Iterator[None]:
    """Turn BreakerOpen into PaymentUnavailable."""
    try:
        yield
    except BreakerOpen as error:
        raise unavailable(error, "call", retry_after=error.retry_after_seconds) from error


def _attempt_of(intent: dict[str, Any]) -> str:
    return str(intent.get("metadata", {}).get("attempt", ""))


def _card_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    return {
        **_common_params(request),
        "payment_method": request.method_token,
        "allowed_payment_method_types": ["card"],
        "return_url": request.return_url,
    }


def _pix_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    params = _common_params(request)
    params["allowed_payment_method_types"] = ["pix"]
    params["payment_method_data"] = {"type": "pix"}
    if request.expires_at is not None:
        params["payment_method_options"] = {"pix": {"expires_at": _pix_expiry(request.expires_at)}}
    return params


def _common_params(request: AuthorizeRequest) -> PaymentIntentCreateParams:
    capture_method: Literal["automatic", "manual"] = "automatic" if request.capture_now else "manual"
    return {
        "amount": to_minor_units(request.amount, request.currency),
        "currency": request.currency.lower(),
        "confirm": True,
        "capture_method": capture_method,
        "description": request.description,
        "metadata": {**request.metadata, "attempt": str(request.attempt_id)},
    }


def _pix_expiry(expires_at: datetime) -> int:
    return max(int(expires_at.timestamp()), int(time.time()) + MIN_PIX_SECONDS)


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
    if isinstance(error, stripe.InvalidRequestError) and str(error.param or "").startswith("payment_method"):
        return Outcome(kind="declined", decline_code="invalid_payment_method", message=error.user_message or "")
    raise unavailable(error, what, retry_after=60) from error


def _error_document(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    document = body.get("error") if isinstance(body, dict) else None
    return storable(document) if isinstance(document, dict) else {}


def _refund_outcome(refund: dict[str, Any]) -> RefundOutcome:
    # A pending refund rarely fails; count it as refunded.
    kinds: dict[str, RefundKind] = {"succeeded": "succeeded", "pending": "succeeded"}
    kind = kinds.get(str(refund.get("status")), "failed")
    return RefundOutcome(
        kind=kind, provider_reference=str(refund["id"]), message=str(refund.get("failure_reason") or "")
    )


def _plain(document: stripe.StripeObject) -> dict[str, Any]:
    """The SDK's object as plain JSON that PostgreSQL can store."""
    return dict(storable(document.to_dict()))
