"""The reconciliation: money that the provider took and we do not know of is settled, or listed for staff.

Each round goes on from where the last one ended, so it takes as long as there is to read, not as there ever was.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from checkout.ask_provider import settle_each
from checkout.metrics import swept
from checkout.models import Order
from checkout.settle_refunds import settle_charge
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import Outcome
from payments.models import CHARGES, EVENTS, ChargeMismatch, PaymentAttempt
from payments.reconcile import SliceNotSettled, follow, record_unmatched, unrecorded_money
from payments.webhook_inbox import store_missed

logger = logging.getLogger(__name__)

# After this many rounds staff see what cannot be settled, and the rest goes on.
TRIES = 5
# How often a charge is looked at on which the books differ, and at most how many of them in a round.
COMPARE_AGAIN_AFTER = timedelta(hours=1)
MAX_MISMATCHES = 20


def reconcile() -> int:
    """Compare the provider's charges with ours; returns how many payments were settled.

    A capture that we had not recorded is settled, so its order is paid or the money is refunded. An unmatched charge is
    recorded for staff to look at. Safe to run in several workers at once.
    """
    settled: list[Outcome] = []
    now = timezone.now()
    try:
        for stream, age in CHARGES.items():
            follow(stream, partial(_compare, settled), until=now - age)
        for stream, age in EVENTS.items():
            follow(stream, _store_missed_events, until=now - age)
        for mismatch in ChargeMismatch.objects.unseen_since(now - COMPARE_AGAIN_AFTER)[:MAX_MISMATCHES]:
            _look_closer(mismatch.attempt)
    except PaymentUnavailable:
        logger.info("Interrupted the reconciliation: the provider is unavailable")
    return len(settled)


def _store_missed_events(first: datetime, last: datetime, _tries: int) -> None:
    swept.labels("missed_events").inc(store_missed(first, last))


def _look_closer(attempt: PaymentAttempt) -> None:
    """Take over what the provider says of a charge; what differs even then is listed for staff."""
    try:
        settle_charge(attempt)
    except Order.DoesNotExist:
        logger.error("Attempt %s belongs to no order", attempt.pk)


def _compare(settled: list[Outcome], first: datetime, last: datetime, tries: int) -> None:
    found = unrecorded_money(first, last)
    record_unmatched(found.unmatched)
    for attempt in found.differing:
        _look_closer(attempt)
    outcomes = {attempt.pk: outcome for attempt, outcome in found.unsettled}
    failed: list[Outcome] = []
    for attempt, outcome in found.unsettled:
        done = settle_each("reconciled", [attempt], lambda attempt: outcomes[attempt.pk])
        (settled if done else failed).append(outcome)
    if failed and tries < TRIES:
        raise SliceNotSettled
    record_unmatched(failed)
