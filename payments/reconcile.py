"""The provider's books beside ours: money that it took and that we do not know of."""

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

RESOLVE_UNMATCHED = AuditEvent("stray_charge.deal", _("dealt with a charge of no order"))


@dataclass(frozen=True)
class Found:
    """`unsettled`: attempts of ours that took money and are not approved here. `unmatched`: charges of no attempt."""

    unsettled: list[tuple[PaymentAttempt, Outcome]]
    unmatched: list[Outcome]


def unrecorded_money(first: datetime, last: datetime) -> Found:
    """Charges that took money between two moments, by the provider's books, and that ours do not have.

    Writes nothing. Not inside a transaction. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    told = list(gateway().captured_between(first, last))
    keys = _uuids(key for key, _outcome in told)
    known = {str(attempt.pk): attempt for attempt in PaymentAttempt.objects.with_payment().filter(pk__in=keys)}
    found = Found([], [])
    for key, outcome in told:
        attempt = known.get(key)
        if attempt is None:
            found.unmatched.append(outcome)
        elif attempt.status != AttemptStatus.APPROVED:
            found.unsettled.append((attempt, outcome))
    return found


def record_unmatched(unmatched: Iterable[Outcome]) -> int:
    """Keep charges that belong to nothing for a person to look at, each once; returns how many are new."""
    rows = [
        StrayCharge(
            provider=gateway().name,
            provider_reference=stray.provider_reference,
            amount=stray.captured or ZERO,
            currency=stray.currency,
        )
        for stray in unmatched
    ]
    new = StrayCharge.objects.without_known(rows)
    StrayCharge.objects.bulk_create(new, ignore_conflicts=True)
    for row in new:
        logger.error("The provider took money that no attempt asked for: %s", row.provider_reference)
    return len(new)


@transaction.atomic
def resolve_unmatched(charge: StrayCharge, *, by: Actor, note: str) -> bool:
    """Note that somebody has paid a charge of no order back, or found out whose it is. Only the first note counts;
    returns whether this was it."""
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
