"""What Stripe's errors mean for money: nothing happened, or nobody knows."""

import logging
import ssl

import stripe
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from config.resilience.breakers import ProviderFailure
from payments.exceptions import PaymentUnavailable

logger = logging.getLogger(__name__)

_NEVER_CONNECTED = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


class NothingSent(ProviderFailure):
    """The provider failed, and surely did nothing."""


class NoAnswer(ProviderFailure):
    """The provider may have done what was asked, or may yet do it."""


def failure_of(error: stripe.StripeError) -> ProviderFailure | None:
    """The failure of the provider that `error` is; None where the provider is well and answered (a decline, say)."""
    if isinstance(error, stripe.APIConnectionError):
        return NothingSent() if never_connected(error) else NoAnswer()
    if isinstance(error, stripe.RateLimitError):
        return NothingSent()
    if isinstance(error, stripe.APIError) and error.http_status != 409:
        return NoAnswer()
    return None


def never_connected(error: BaseException) -> bool:
    """Whether no connection came about, so that not a byte was sent: refused, unresolved, timed out before it stood."""
    # Not along __context__: that may lead to an older error which the caller was just dealing with.
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
    """Log `error` by its kind and the provider's request id, without its text (it may quote what was sent)."""
    logger.error(
        "Stripe did not %s: %s status=%s code=%s request=%s",
        what,
        type(error).__name__,
        getattr(error, "http_status", None),
        getattr(error, "code", None),
        getattr(error, "request_id", None),
    )
    return PaymentUnavailable(retry_after=retry_after)
