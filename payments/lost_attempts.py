"""What became of an attempt whose answer was lost: the provider never told us the reference of its charge.

The call itself is never repeated as a lookup: if it did not arrive the first time, the repetition would charge the
shopper. And one attempt is never found by listing everybody's charges; a provider may have thousands in a minute.

1. Use up the attempt's idempotency key with a placeholder that cannot be charged. If the provider takes it, the call
   never came, and should it come now it is refused, because it reuses the key with other parameters: `cancelled`.
2. If the provider refuses it, the call came first. What it made was created soon after the attempt started: look there.
3. If it is not there, wait until the call must have ended, and read everything from `CLOCKS` before the attempt started
   to `CLOCKS` after that end, in slices of time. How far we are is recorded with the outcome, so that any number of
   strangers' charges only takes more rounds. If nothing bears the attempt's id, its call ended without making
   anything: `cancelled`.

Why that is certain, and within which bounds:

- The key was used when we were refused at `key_used_at`, so the call had begun, and ends within the gateway's
  `longest_request`. We begin to read only after that, and a list shows at once what was made.
- What the call made was created between the attempt's start and that end, on the provider's clock, which differs from
  ours by less than `CLOCKS`.
- A provider forgets its keys. A placeholder taken after the gateway's `key_lifetime` proves only that no call is still
  to come, so step 3 follows then as well.
- Should a bound be wrong all the same, the reconciliation finds the money later, and it is refunded.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from config.money import ZERO
from payments.exceptions import PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.base import LostAttempt, Outcome, SearchProgress
from payments.models import AttemptSearch, PaymentAttempt
from payments.slices import slices

logger = logging.getLogger(__name__)

# By how much the provider's clock may differ from ours.
CLOCKS = timedelta(minutes=5)
# The same for providers that keep the time well, as nearly all do.
USUAL_CLOCKS = timedelta(seconds=30)
# After this long the next round goes on: a shopper may be waiting.
LOOK_SECONDS = 5.0


def find(attempt: PaymentAttempt) -> Outcome:
    """The outcome of an attempt without a provider reference; `unknown` while it is not certain.

    Such an outcome says how far the search is, and goes on from there once it was recorded. Calls the provider, so not
    inside a transaction. Raises PaymentUnavailable.
    """
    lost = LostAttempt(
        attempt_id=attempt.pk,
        amount=attempt.payment.amount,
        currency=attempt.payment.currency,
        started_at=attempt.created_at,
    )
    search = _progress(attempt)
    if search is None:
        key = gateway().use_up_key(lost)
        now = timezone.now()
        if key == "free" and now - attempt.created_at < gateway().key_lifetime:
            return _never_charged("The provider never received the call.")
        if key == "unclear":
            return _unknown("It is not clear yet whether the provider received the call.")
        search = SearchProgress(key_used_at=now)
    if timezone.now() < _ended_at(search):
        return _look_after_start(lost, search)
    return _look_everywhere(lost, search)


def certain_from(attempt: PaymentAttempt) -> datetime | None:
    """When the call must have ended: what is not found from then on does not exist. None if nothing is known yet.

    One statement unless the search is joined.
    """
    search = _progress(attempt)
    return _ended_at(search) if search else None


def without_idle(outcome: Outcome) -> Outcome:
    """`outcome`, or what it is after voiding a charge that waits for a call of ours which will never come."""
    return gateway().void(outcome.provider_reference) if outcome.is_idle else outcome


def _progress(attempt: PaymentAttempt) -> SearchProgress | None:
    row: AttemptSearch | None = getattr(attempt, "search", None)
    return SearchProgress(key_used_at=row.key_used_at, searched_to=row.searched_to) if row else None


def _ended_at(search: SearchProgress) -> datetime:
    return search.key_used_at + gateway().longest_request


def _look_after_start(lost: LostAttempt, search: SearchProgress) -> Outcome:
    begin, end = lost.started_at - USUAL_CLOCKS, timezone.now() + USUAL_CLOCKS
    with suppress(PaymentUnavailable):
        for first, last in slices(begin, end, seconds=LOOK_SECONDS):
            found = gateway().find(lost, first, last)
            if found is not None:
                return without_idle(found)
    return _unknown("The provider received the call, but has no charge of it yet.", search)


def _look_everywhere(lost: LostAttempt, search: SearchProgress) -> Outcome:
    reached, end = search.searched_to or lost.started_at - CLOCKS, _ended_at(search) + CLOCKS
    with suppress(PaymentUnavailable):
        for first, last in slices(reached, end, seconds=LOOK_SECONDS):
            found = gateway().find(lost, first, last)
            if found is not None:
                return without_idle(found)
            reached = last
    if reached >= end:
        logger.warning("The call of attempt %s reached the provider and made no charge", lost.attempt_id)
        return _never_charged("The provider received the call and made no charge.")
    message = "The provider received the call; its charge is still being looked for."
    return _unknown(message, replace(search, searched_to=reached))


def _unknown(message: str, search: SearchProgress | None = None) -> Outcome:
    return Outcome(kind="unknown", message=message, search=search)


def _never_charged(message: str) -> Outcome:
    return Outcome(kind="cancelled", message=message, captured=ZERO)
