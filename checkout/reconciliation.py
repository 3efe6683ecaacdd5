"""The reconciliation: money that the provider took and we do not know of is settled, or listed for staff.

Each round goes on from where the last one ended, so it takes as long as there is to read, not as there ever was.
"""

import logging
from datetime import datetime
from functools import partial

from django.utils import timezone

from checkout.ask_provider import settle_each
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import Outcome
from payments.models import CHARGES
from payments.reconcile import SliceNotSettled, follow, record_unmatched, unrecorded_money

logger = logging.getLogger(__name__)

# After this many rounds staff see what cannot be settled, and the rest goes on.
TRIES = 5


def reconcile() -> int:
    """Compare the provider's charges with ours; returns how many payments were settled.

    A capture that we had not recorded is settled, so its order is paid or the money is refunded. An unmatched charge is
    recorded for staff to look at. Safe to run in several workers at once.
    """
    settled: list[Outcome] = []
    for stream, age in CHARGES.items():
        try:
            follow(stream, partial(_compare, settled), until=timezone.now() - age)
        except PaymentUnavailable:
            logger.info("Interrupted the reconciliation: the provider is unavailable")
            break
    return len(settled)


def _compare(settled: list[Outcome], first: datetime, last: datetime, tries: int) -> None:
    found = unrecorded_money(first, last)
    record_unmatched(found.unmatched)
    outcomes = {attempt.pk: outcome for attempt, outcome in found.unsettled}
    failed: list[Outcome] = []
    for attempt, outcome in found.unsettled:
        done = settle_each("reconciled", [attempt], lambda attempt: outcomes[attempt.pk])
        (settled if done else failed).append(outcome)
    if failed and tries < TRIES:
        raise SliceNotSettled
    record_unmatched(failed)
