"""The sweeper: finishes what a crash, a lost answer or an idle shopper left unresolved.

Each round is bounded and safe to run in several workers at once, because `settle` is.
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
# Longer than the deadline of a provider call, so that a call in flight settles itself first.
STALE_AFTER = timedelta(seconds=60)
RECONCILE_WINDOW = timedelta(hours=6)
QUOTE_RETENTION = timedelta(days=1)


def settle_stale_attempts() -> int:
    """Look up attempts that have been unresolved for a while; returns how many were settled."""
    stale = payments.claim_stale(timezone.now() - STALE_AFTER, BATCH)
    return settle_each("stale", stale, provider.ask)


def expire_unpaid() -> int:
    """Void payments that the shopper did not finish in time; returns how many were settled."""
    return settle_each("expired", payments.claim_expired(timezone.now(), BATCH), provider.void)


def settle_stale_refunds() -> int:
    """Finish refunds whose answer never came, and move their orders; returns how many succeeded."""
    settled, before = 0, timezone.now() - STALE_AFTER
    # Claimed one at a time: each calls the provider, and a claimed refund must not wait behind those calls.
    for _ in range(BATCH):
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
        logger.info("Refund %s stays unresolved: the provider is unavailable", refund.pk)
        return False
    except Exception:  # one bad refund must not block the others
        logger.exception("Refund %s could not be settled", refund.pk)
        return False
    return refund.status == RefundStatus.SUCCEEDED


def reconcile() -> int:
    """Compare the provider's recent charges with ours; returns how many payments were settled.

    A capture that we had not recorded is settled, so its order is paid or the money is refunded. An unmatched charge is
    recorded for staff to look at.
    """
    now = timezone.now()
    try:
        found = unrecorded_money(now - RECONCILE_WINDOW, now - STALE_AFTER)
    except PaymentUnavailable:
        logger.info("Skipped the reconciliation: the provider is unavailable")
        return 0
    record_unmatched(found.unmatched)
    outcomes = {attempt.pk: outcome for attempt, outcome in found.unsettled}
    return settle_each("reconciled", [attempt for attempt, _ in found.unsettled], lambda attempt: outcomes[attempt.pk])


def tidy() -> None:
    """Reclaim expired reservations and delete old keys and quotes: housekeeping that correctness never depends on."""
    swept.labels("holds").inc(reservations.reclaim_expired())
    swept.labels("keys").inc(idempotency.forget_old_keys())
    swept.labels("quotes").inc(forget_old_quotes())


def forget_old_quotes() -> int:
    """Delete quotes that expired at least QUOTE_RETENTION ago and belong to no order; returns how many."""
    ordered = Order.objects.values("quote")
    return shipping.forget_quotes(timezone.now() - QUOTE_RETENTION, keep=ordered)
