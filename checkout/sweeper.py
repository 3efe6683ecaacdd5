"""The sweeper: asks the provider about every payment whose end is not known here, and settles what it answers.

Each round is bounded and safe to run in several workers at once, since `settle` is.
"""

import logging
from datetime import timedelta

from django.utils import timezone

from checkout import idempotency, services
from checkout.ask_provider import settle_each
from checkout.metrics import swept
from checkout.models import Order
from inventory import reservations
from payments import provider, refunds
from payments import services as payments
from payments.exceptions import PaymentUnavailable
from payments.models import Refund, RefundStatus
from payments.reconcile import record_unmatched, unrecorded_money
from shipping import services as shipping

logger = logging.getLogger(__name__)

BATCH = 50
# Longer than the deadline of a call under way, whose own answer is about to come.
STALE_AFTER = timedelta(seconds=60)
RECONCILED_HOURS = timedelta(hours=6)
QUOTES_KEPT_FOR = timedelta(days=1)


def settle_stale_attempts() -> int:
    """Bring the truth for attempts that nobody has heard of for a while; returns how many were asked about."""
    stale = payments.claim_stale(timezone.now() - STALE_AFTER, BATCH)
    return settle_each("stale", stale, provider.ask)


def expire_unpaid() -> int:
    """Withdraw payments that the shopper did not finish in time; returns how many were settled."""
    return settle_each("expired", payments.claim_expired(timezone.now(), BATCH), provider.void)


def settle_stale_refunds() -> int:
    """Bring refunds to their end whose answer never came, and the order with them; returns how many were settled."""
    settled, before = 0, timezone.now() - STALE_AFTER
    # One at a time, since each asks the provider: none waits in our hand while others are asked about.
    for _turn in range(BATCH):
        refund = refunds.claim_stale(before)
        if refund is None:
            break
        settled += _settle_refund(refund)
    swept.labels("refunds").inc(settled)
    return settled


def _settle_refund(refund: Refund) -> bool:
    try:
        refund = services.settle_refund(refund)
    except PaymentUnavailable:
        logger.info("Refund %s stays open: the provider cannot be asked now", refund.pk)
        return False
    except Exception:  # one refund that cannot be settled must not keep the others waiting
        logger.exception("Refund %s could not be settled", refund.pk)
        return False
    return refund.status == RefundStatus.SUCCEEDED


def reconcile() -> int:
    """Compare the provider's books of the last hours with ours: money that we do not know of is settled, so that its
    order is paid or the money goes back; charges of no order are kept for a person to look at. Returns how many
    payments were put right."""
    now = timezone.now()
    try:
        found = unrecorded_money(now - RECONCILED_HOURS, now - STALE_AFTER)
    except PaymentUnavailable:
        logger.info("The books stay uncompared: the provider cannot be asked now")
        return 0
    record_unmatched(found.unmatched)
    outcomes = {attempt.pk: outcome for attempt, outcome in found.unsettled}
    return settle_each("reconciled", [attempt for attempt, _ in found.unsettled], lambda attempt: outcomes[attempt.pk])


def tidy() -> None:
    """End holds that ran out, and delete keys and quotes that nobody needs any more. Nothing is wrong before that."""
    swept.labels("holds").inc(reservations.reclaim_expired())
    swept.labels("keys").inc(idempotency.forget_old_keys())
    swept.labels("quotes").inc(forget_old_quotes())


def forget_old_quotes() -> int:
    """Delete quotes that expired yesterday or before and that no order was made of; returns how many."""
    ordered = Order.objects.values("quote")
    return shipping.forget_quotes(timezone.now() - QUOTES_KEPT_FOR, keep=ordered)
