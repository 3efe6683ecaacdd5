"""The sweeper: finishes what a crash, a lost answer or an idle shopper left unresolved.

A round takes its batches until nothing is due or its time is up. What may be money comes first, and each kind of work
has seconds of its own, so that none keeps another waiting. Safe to run in several workers at once, because `settle` is.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

from django.utils import timezone

from checkout import unpaid
from checkout.ask_provider import settle_each
from checkout.metrics import swept
from checkout.settle_refunds import settle_refund
from config.db.locks import refuse_in_transaction
from inventory import reservations
from payments import provider, refunds
from payments import services as payments
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import Outcome
from payments.models import PaymentAttempt, Refund, RefundStatus

logger = logging.getLogger(__name__)

BATCH = 50
# Seconds of a round for each kind of work. Together they are less than the time from one round to the next.
UNANSWERED_SECONDS, REFUND_SECONDS, WAITING_SECONDS, TIDY_SECONDS = 10.0, 5.0, 10.0, 1.0
# The provider answers in a quarter of a second; one call after the other would take too long.
CALLS_AT_ONCE = 4
# Longer than the deadline of a provider call, so that a call in flight settles itself first.
STALE_AFTER = timedelta(seconds=60)


def settle_stale_attempts() -> int:
    """Ask about the attempts that are due: all that may have captured money, then those that wait for the shopper.

    Payments that the shopper did not finish in time are voided. Returns how many attempts were settled.
    """
    unanswered = _settle_due("unanswered", payments.claim_unanswered, UNANSWERED_SECONDS)
    return unanswered + _settle_due("waiting", payments.claim_waiting, WAITING_SECONDS)


def _settle_due(sweep: str, claim: Callable[[int], list[PaymentAttempt]], seconds: float) -> int:
    """Settle the attempts that `claim` returns, batch by batch, until there are none or the time is up."""
    settled, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline and (batch := claim(BATCH)):
        settled += _settle_batch(sweep, batch, deadline)
    return settled


def _settle_batch(sweep: str, batch: list[PaymentAttempt], deadline: float) -> int:
    """Ask about several attempts at once, in threads that use no database, and settle the answers one by one.

    Attempts that were not asked about by the deadline are due again when their claim ends.
    """
    refuse_in_transaction("The payment provider")
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        # With the context of this thread, which says that nobody waits for these calls.
        answers = {attempt.pk: pool.submit(copy_context().run, _ask_or_void, attempt) for attempt in batch}
        in_time = (one for one in batch if time.monotonic() < deadline or not answers[one.pk].cancel())
        return settle_each(sweep, in_time, lambda attempt: answers[attempt.pk].result())


def _ask_or_void(attempt: PaymentAttempt) -> Outcome:
    return provider.void(attempt) if attempt.is_expired(timezone.now()) else provider.ask(attempt)


def settle_stale_refunds() -> int:
    """Finish refunds whose answer never came, and move their orders; returns how many succeeded."""
    settled, before = 0, timezone.now() - STALE_AFTER
    deadline = time.monotonic() + REFUND_SECONDS
    # Claimed one at a time: each calls the provider, and a claimed refund must not wait behind those calls.
    while time.monotonic() < deadline and (refund := refunds.claim_stale(before)):
        settled += _settle_refund(refund)
    swept.labels("refunds").inc(settled)
    return settled


def _settle_refund(refund: Refund) -> bool:
    try:
        refund = settle_refund(refund)
    except PaymentUnavailable:
        logger.info("Refund %s stays unresolved: the provider is unavailable", refund.pk)
        return False
    except Exception:  # one bad refund must not block the others
        logger.exception("Refund %s could not be settled", refund.pk)
        return False
    return refund.status == RefundStatus.SUCCEEDED


def tidy() -> None:
    """Reclaim expired reservations and forget networks: housekeeping that correctness never depends on."""
    for kind, tidy_batch in (("holds", reservations.reclaim_expired), ("networks", unpaid.forget_networks)):
        deadline = time.monotonic() + TIDY_SECONDS
        while time.monotonic() < deadline and (tidied := tidy_batch()):
            swept.labels(kind).inc(tidied)
