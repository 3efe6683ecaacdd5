"""Reconciliation: the provider's charges compared with our attempts, each stream of them on from a cursor."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.db.locks import refuse_in_transaction
from config.money import ZERO
from payments.gateways import gateway
from payments.gateways.base import Outcome
from payments.models import AttemptStatus, Dispute, PaymentAttempt, ReconcileCursor, Refund, StrayCharge
from payments.slices import slices

logger = logging.getLogger(__name__)

RESOLVE_UNMATCHED = AuditEvent("stray_charge.deal", _("resolved an unmatched charge"))

# Where a stream begins that was never read.
RECONCILE_WINDOW = timedelta(hours=6)
ROUND_SECONDS = 10.0


class SliceNotSettled(Exception):
    """Something in a slice could not be settled: the cursor stays before it, and the next round tries again."""


@dataclass(frozen=True)
class UnrecordedMoney:
    """`unsettled`: our attempts that captured money and are not approved here. `unmatched`: charges that name an
    attempt of ours which we do not have. `differing`: approved attempts of which the provider has captured, refunded or
    disputed something else."""

    unsettled: list[tuple[PaymentAttempt, Outcome]]
    unmatched: list[Outcome]
    differing: list[PaymentAttempt]


def follow(stream: str, read: Callable[[datetime, datetime, int], None], *, until: datetime) -> None:
    """Read a stream of the provider's records on from its cursor to `until`, slice by slice, for ROUND_SECONDS.

    `read(first, last, tries)` deals with all that was created in [first, last). The cursor moves past a slice, in a
    committed step of its own, only when `read` has returned; `tries` counts how often in a row it raised
    SliceNotSettled. Any other exception is passed on. Does nothing while another worker follows the same stream.
    """
    refuse_in_transaction("The payment provider")
    cursor = _claim(stream)
    if cursor is None:
        return
    try:
        for first, last in slices(cursor.position, until, seconds=ROUND_SECONDS):
            read(first, last, cursor.tries)
            cursor.tries = 0
            if not ReconcileCursor.objects.held_by(cursor).update(position=last, tries=0):
                logger.warning("Another worker has taken over the stream %s", stream)
                return
    except SliceNotSettled:
        cursor.tries += 1
    finally:
        ReconcileCursor.objects.held_by(cursor).update(claimed_at=None, tries=cursor.tries)


@transaction.atomic
def _claim(stream: str) -> ReconcileCursor | None:
    now = timezone.now()
    return ReconcileCursor.objects.claim(stream, now, now - RECONCILE_WINDOW)


def unrecorded_money(first: datetime, last: datetime) -> UnrecordedMoney:
    """Charges created at the provider in [first, last) that captured money which is not recorded here.

    Charges that name no attempt are another application's on the same account, and left out. Read-only; not inside a
    transaction. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    charges = [charge for charge in gateway().captured_between(first, last) if charge.attempt_key]
    keys = _uuids(charge.attempt_key for charge in charges)
    known = {str(attempt.pk): attempt for attempt in PaymentAttempt.objects.with_payment().filter(pk__in=keys)}
    refunded = Refund.objects.at_provider().filter(attempt__in=known.values()).totals_by_attempt()
    disputed = set(Dispute.objects.filter(attempt__in=known.values()).values_list("attempt", flat=True))
    unrecorded = UnrecordedMoney([], [], [])
    for charge in charges:
        attempt = known.get(charge.attempt_key)
        if attempt is None:
            unrecorded.unmatched.append(charge.outcome)
        elif attempt.status != AttemptStatus.APPROVED:
            unrecorded.unsettled.append((attempt, charge.outcome))
        elif (
            attempt.captured != charge.outcome.captured
            or refunded.get(attempt.pk, ZERO) != charge.refunded
            or (charge.is_disputed and attempt.pk not in disputed)
        ):
            unrecorded.differing.append(attempt)
    return unrecorded


def record_unmatched(unmatched: Iterable[Outcome]) -> int:
    """Record unmatched charges for staff to resolve, each once; returns how many are new."""
    rows = [
        StrayCharge(
            provider=gateway().name,
            provider_reference=charge.provider_reference,
            amount=charge.captured or ZERO,
            currency=charge.currency,
        )
        for charge in unmatched
    ]
    new = StrayCharge.objects.unrecorded(rows) if rows else []
    StrayCharge.objects.bulk_create(new, ignore_conflicts=True)
    for row in new:
        logger.error("The provider took money that no attempt asked for: %s", row.provider_reference)
    return len(new)


@transaction.atomic
def resolve_unmatched(charge: StrayCharge, *, by: Actor, note: str) -> bool:
    """Record how staff resolved an unmatched charge: refunded it, or found the order it belongs to.

    Only the first note is kept; returns whether this was it.
    """
    dealt_at = timezone.now()
    if not StrayCharge.objects.filter(pk=charge.pk, dealt_at=None).update(dealt_at=dealt_at, note=note[:200]):
        return False
    audit.record(by, RESOLVE_UNMATCHED, charge, reason=note)
    return True


def _uuids(keys: Iterable[str]) -> list[UUID]:
    found = []
    for key in keys:
        with suppress(ValueError):
            found.append(UUID(key))
    return found
