"""The verbs that call the provider. They refuse to run inside a transaction and write nothing.

What comes back is an `Outcome`, for `payments.services` to record. No amount, token or personal datum is logged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from config.db.locks import refuse_in_transaction
from config.money import ZERO
from config.resilience.breakers import BreakerOpen
from payments.exceptions import CardsUnavailable, PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.base import PIX, AuthorizeRequest, LostAttempt, Outcome
from payments.models import AttemptStatus, PaymentAttempt

# A call that began so short a time ago may still be under way in another process: nobody asks about it yet.
_CALL_MARGIN = timedelta(seconds=5)


def authorize(attempt: PaymentAttempt, *, description: str, return_url: str) -> Outcome:
    """Ask the provider for the money of a committed attempt, and write nothing: settle the outcome that comes back.

    Raises PaymentUnavailable where the provider surely did nothing (record `not_sent()` then), CardsUnavailable where
    cards are left alone and Pix goes on. Doubt is an `unknown`.
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
    with _pix_instead_of(attempt.method_token):
        return gateway().authorize(request)


def ensure_available(method_token: str) -> None:
    """Raise what `authorize` would where the provider is left alone with such payments, before one is written down."""
    with _pix_instead_of(method_token):
        gateway().ensure_available(method_token)


@contextmanager
def _pix_instead_of(method_token: str) -> Iterator[None]:
    """PaymentUnavailable becomes CardsUnavailable where cards are left alone and Pix goes on."""
    try:
        yield
    except PaymentUnavailable as refusal:
        cards_alone = isinstance(refusal.__cause__, BreakerOpen) and gateway().is_available(PIX)
        if method_token != PIX and cards_alone:
            raise CardsUnavailable(retry_after=refusal.retry_after, instead=PIX) from refusal
        raise


def not_sent() -> Outcome:
    """The outcome to record for an attempt that ended in PaymentUnavailable: nothing happened and nothing will."""
    return Outcome(kind="cancelled", message="The provider was not available.", captured=ZERO)


def ask(attempt: PaymentAttempt) -> Outcome:
    """What the provider knows of the attempt. Writes nothing here; never charges.

    An attempt that the provider has never heard of is closed there for good and comes back as `cancelled`. One that is
    so young that its first call may be under way stays `unknown`, as does one while the provider is away.
    """
    refuse_in_transaction("The payment provider")
    try:
        if attempt.provider_reference:
            return gateway().retrieve(attempt.provider_reference)
        if may_be_under_way(attempt):
            return Outcome(kind="unknown", message="The first call may still be under way.")
        return gateway().search(
            LostAttempt(
                attempt_id=attempt.pk,
                amount=attempt.payment.amount,
                currency=attempt.payment.currency,
                started_at=attempt.created_at,
            )
        )
    except PaymentUnavailable:
        return Outcome(
            kind="unknown", provider_reference=attempt.provider_reference, message="The provider is not available."
        )


def void(attempt: PaymentAttempt) -> Outcome:
    """Give up an attempt that waits for the shopper, or whose outcome is unknown. Writes nothing here.

    The outcome is the truth afterwards: `approved` where the money came first. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    if not attempt.provider_reference:
        found = ask(attempt)
        if found.kind != "action":
            return found
        return gateway().void(found.provider_reference, f"{attempt.pk}:void")
    return gateway().void(attempt.provider_reference, f"{attempt.pk}:void")


def may_be_under_way(attempt: PaymentAttempt) -> bool:
    """Whether the attempt's first call may still be waiting for its answer."""
    if attempt.status != AttemptStatus.STARTED:
        return False
    longest = timedelta(seconds=settings.PAYMENT_TIMEOUT_SECONDS) + _CALL_MARGIN
    return timezone.now() - attempt.created_at < longest
