"""Classification of Stripe's errors: certainly nothing happened, or the outcome is unknown."""

import logging
import ssl

import stripe
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from config.resilience.breakers import ProviderFailure
from payments.exceptions import PaymentUnavailable

logger = logging.getLogger(__name__)

_NEVER_CONNECTED = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


class NothingSent(ProviderFailure):
    """The provider failed and certainly did nothing."""


class NoAnswer(ProviderFailure):
    """The provider may have carried out the call, or may still do so."""


def failure_of(error: stripe.StripeError) -> ProviderFailure | None:
    """The provider failure behind `error`; None if the provider answered normally (a decline, for example).

    A failure that Stripe kept under an idempotency key and repeats is an answer: it says nothing about Stripe now.
    """
    if is_repeated(error):
        return None
    if isinstance(error, stripe.APIConnectionError):
        return NothingSent() if never_connected(error) else NoAnswer()
    if isinstance(error, stripe.RateLimitError):
        return NothingSent()
    if isinstance(error, stripe.APIError) and error.http_status != 409:
        return NoAnswer()
    return None


def is_repeated(error: stripe.StripeError) -> bool:
    """Whether Stripe repeats the answer that it kept under the call's idempotency key."""
    return str((error.headers or {}).get("Idempotent-Replayed")).lower() == "true"


def never_connected(error: BaseException) -> bool:
    """Whether no connection was established, so nothing was sent: refused, DNS failure, connect timeout."""
    # Not via __context__: it may lead to an unrelated error that the caller was handling.
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        if isinstance(current, _NEVER_CONNECTED):
            return True
        seen.add(id(current))
        pending += [current.__cause__, getattr(current, "reason", None), *current.args]
    return False


def unavailable(error: BaseException, what: str, *, retry_after: int = 5) -> PaymentUnavailable:
    """Log `error` by type and request id, without its message (it may quote request data), and return the refusal."""
    logger.error(
        "Stripe %s failed: %s status=%s code=%s request=%s",
        what,
        type(error).__name__,
        getattr(error, "http_status", None),
        getattr(error, "code", None),
        getattr(error, "request_id", None),
    )
    return PaymentUnavailable(retry_after=retry_after)
