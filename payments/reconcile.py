"""Reconciliation: the provider's charges compared with our attempts."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
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
from payments.models import AttemptStatus, PaymentAttempt, StrayCharge

logger = logging.getLogger(__name__)

RESOLVE_UNMATCHED = AuditEvent("stray_charge.deal", _("resolved an unmatched charge"))


@dataclass(frozen=True)
class UnrecordedMoney:
    """`unsettled`: our attempts that captured money and are not approved here. `unmatched`: charges of no attempt."""

    unsettled: list[tuple[PaymentAttempt, Outcome]]
    unmatched: list[Outcome]


def unrecorded_money(first: datetime, last: datetime) -> UnrecordedMoney:
    """Charges captured at the provider between `first` and `last` that are not recorded here.

    Read-only; not inside a transaction. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    charges = list(gateway().captured_between(first, last))
    keys = _uuids(key for key, _outcome in charges)
    known = {str(attempt.pk): attempt for attempt in PaymentAttempt.objects.with_payment().filter(pk__in=keys)}
    unrecorded = UnrecordedMoney([], [])
    for key, outcome in charges:
        attempt = known.get(key)
        if attempt is None:
            unrecorded.unmatched.append(outcome)
        elif attempt.status != AttemptStatus.APPROVED:
            unrecorded.unsettled.append((attempt, outcome))
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
    new = StrayCharge.objects.unrecorded(rows)
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
