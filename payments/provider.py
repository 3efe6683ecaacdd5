"""Calls to the payment provider. They refuse to run inside a transaction and write nothing.

Each returns an `Outcome` for `payments.services` to record. Amounts, tokens and personal data are never logged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from config.db.locks import refuse_in_transaction
from config.money import ZERO
from config.resilience.breakers import BreakerOpen
from payments import authorizations, lost_attempts
from payments.exceptions import CardsUnavailable, PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.background import in_background as in_background
from payments.gateways.base import PIX, AuthorizeRequest, Outcome
from payments.models import AttemptStatus, PaymentAttempt

# Added to the timeout before an attempt is looked up: its first call may still be in flight in another process.
_CALL_MARGIN = timedelta(seconds=5)


def authorize(attempt: PaymentAttempt, *, description: str, return_url: str) -> Outcome:
    """Charge a committed attempt at the provider. Writes nothing: record the returned outcome.

    Raises PaymentUnavailable if the provider certainly did nothing (then record `not_sent()`), or CardsUnavailable if
    the circuit for cards is open and Pix works. If the result is unclear, the outcome is `unknown`.
    """
    refuse_in_transaction("The payment provider")
    payment = attempt.payment
    request = AuthorizeRequest(
        attempt_id=attempt.pk,
        amount=payment.amount,
        currency=payment.currency,
        method_token=attempt.method_token,
        description=description,
        return_url=return_url,
        expires_at=attempt.expires_at,
        metadata={"order": payment.reference},
    )
    with _offering_pix(attempt.method_token):
        outcome = gateway().authorize(request)
    return authorizations.complete(attempt, outcome)


def ensure_available(method_token: str) -> None:
    """Raise what `authorize` would if the circuit for this method is open, before an attempt is written."""
    with _offering_pix(method_token):
        gateway().ensure_available(method_token)


def is_available(method: str) -> bool:
    """Whether the circuit for a method, `card` or `pix`, is closed and its last call did not fail. No network."""
    return gateway().is_available(method)


@contextmanager
def _offering_pix(method_token: str) -> Iterator[None]:
    """Turn PaymentUnavailable into CardsUnavailable if the circuit for cards is open and Pix works."""
    try:
        yield
    except PaymentUnavailable as refusal:
        pix_works = isinstance(refusal.__cause__, BreakerOpen) and gateway().is_available(PIX)
        if method_token != PIX and pix_works:
            raise CardsUnavailable(retry_after=refusal.retry_after, instead=PIX) from refusal
        raise


def not_sent() -> Outcome:
    """The outcome to record after PaymentUnavailable: nothing happened and nothing will."""
    return Outcome(kind="cancelled", message="The provider was not available.", captured=ZERO)


def ask(attempt: PaymentAttempt) -> Outcome:
    """Look the attempt up at the provider; never charges.

    An attempt that the provider does not know, or has left halfway, is closed there for good and returned as
    `cancelled`. The outcome is `unknown` while the first call may still be in flight or the provider is unavailable.
    """
    refuse_in_transaction("The payment provider")
    try:
        if attempt.provider_reference:
            outcome = gateway().retrieve(attempt.provider_reference)
            return lost_attempts.without_idle(authorizations.complete(attempt, outcome))
        if may_be_under_way(attempt):
            return Outcome(kind="unknown", message="The first call may still be in flight.")
        return authorizations.complete(attempt, lost_attempts.find(attempt))
    except PaymentUnavailable:
        return Outcome(
            kind="unknown", provider_reference=attempt.provider_reference, message="The provider is not available."
        )


def void(attempt: PaymentAttempt) -> Outcome:
    """Cancel an attempt that waits for the shopper or is unresolved.

    Returns its actual state afterwards: `approved` if the money arrived first. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    if not attempt.provider_reference:
        found = ask(attempt)
        if found.kind != "action":
            return found
        return gateway().void(found.provider_reference)
    return gateway().void(attempt.provider_reference)


def may_be_under_way(attempt: PaymentAttempt) -> bool:
    """Whether the attempt's first call may still be in flight."""
    return attempt.status == AttemptStatus.STARTED and not is_first_call_over(attempt)


def is_first_call_over(attempt: PaymentAttempt) -> bool:
    """Whether the attempt's first call has ended by now, with an answer or without."""
    longest = timedelta(seconds=settings.PAYMENT_TIMEOUT_SECONDS) + _CALL_MARGIN
    return timezone.now() - attempt.created_at >= longest
