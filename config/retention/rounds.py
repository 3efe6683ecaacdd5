"""Rounds that keep the retention rules: small batches in short transactions, until nothing is due or time is up.

Batches skip locked rows, so a round waits for nobody, and several workers may run one at once. Rules take turns, so
that a long backlog of one does not hold up the others, and a rule that fails does not stop them.
"""

import logging
import time
from collections import Counter

from django.db import transaction
from django.utils import timezone

from config.retention.metrics import retention_removed
from config.retention.models import RetentionRound
from config.retention.rules import RetentionRule, all_rules

logger = logging.getLogger(__name__)

BATCH = 200
ROUND_SECONDS = 20.0


def run_round(seconds: float = ROUND_SECONDS) -> Counter[str]:
    """Remove what is past due, for at most `seconds` and a batch; returns how many rows by rule."""
    deadline = time.monotonic() + seconds
    rules = all_rules()
    removed, pending, errors = Counter({rule.name: 0 for rule in rules}), list(rules), dict[str, str]()
    while pending and time.monotonic() < deadline:
        rule = pending.pop(0)
        try:
            number = remove_batch(rule)
        except Exception as error:  # one failing rule must not stop the others
            logger.exception("The retention of %s failed", rule.name)
            errors[rule.name] = type(error).__name__
            continue
        removed[rule.name] += number
        retention_removed.labels(rule.name).inc(number)
        if number == BATCH:
            pending.append(rule)
    _record(removed, {rule.name for rule in pending}, errors)
    return removed


@transaction.atomic
def remove_batch(rule: RetentionRule) -> int:
    """Remove at most BATCH rows that are past due; returns how many. Skips rows that someone else has locked."""
    rows = rule.past_due(timezone.now()).select_for_update(skip_locked=True)
    ids = list(rows.values_list("pk", flat=True)[:BATCH])
    if ids:
        rule.remove(rows.model._base_manager.filter(pk__in=ids))
    return len(ids)


def _record(removed: Counter[str], unfinished: set[str], errors: dict[str, str]) -> None:
    now = timezone.now()
    rounds = [
        RetentionRound(
            rule=name,
            ended_at=now,
            removed=number,
            is_complete=name not in unfinished and name not in errors,
            error=errors.get(name, "")[:100],
        )
        for name, number in removed.items()
    ]
    RetentionRound.objects.bulk_create(
        rounds,
        update_conflicts=True,
        unique_fields=["rule"],
        update_fields=["ended_at", "removed", "is_complete", "error"],
    )
