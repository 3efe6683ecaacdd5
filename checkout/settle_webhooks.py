"""Settle the events of the webhook inbox, in any order and any number of times."""

import logging
import time
from collections.abc import Mapping
from uuid import UUID

from checkout.metrics import swept
from checkout.models import Order
from checkout.settle import settle
from checkout.settle_refunds import settle_charge, settle_warning
from payments import authorizations, webhook_inbox
from payments import services as payments
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import ProviderEvent
from payments.models import AttemptStatus, PaymentAttempt, SetAside, WebhookEvent

logger = logging.getLogger(__name__)

BATCH = 100
ROUND_SECONDS = 20.0


def settle_waiting_events() -> int:
    """Settle the pending events, those with the fewest tries first; returns how many were handled.

    Safe to run in several workers at once: each claims its own events. An event that matches no attempt yet stays
    pending.
    """
    total, deadline = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline and (batch := payments.claim_events(BATCH)):
        looked_up: set[UUID] = set()
        approved = webhook_inbox.approved_attempts(batch)
        handled = [row for row in batch if _settle_event(row, approved, looked_up)]
        webhook_inbox.mark_events_handled(handled)
        swept.labels("webhooks").inc(len(handled))
        total += len(handled)
        # What could not be handled is due again at once; it waits for the next round.
        if len(batch) < BATCH or not handled:
            break
    return total


def _settle_event(row: WebhookEvent, approved: Mapping[str, UUID], looked_up: set[UUID]) -> bool:
    """Settle one event. Returns whether it is handled, which includes an event that changes nothing.

    `approved` are the attempts of the batch that were approved when it was claimed, and stay so: most events confirm an
    answer that is already recorded. `looked_up` are the attempts whose charges were looked up since the batch was
    claimed: that was after each event of it, and one refund alone sends four.
    """
    try:
        event = webhook_inbox.read_event(row)
        if event.subject == "unknown":
            webhook_inbox.set_aside(row, SetAside.UNKNOWN_TYPE)
            return False
        if event.subject != "nothing" and not _is_confirmation(event, approved):
            attempt = webhook_inbox.attempt_of_event(event)
            if attempt is None:
                webhook_inbox.mark_event_unmatched(row, looks_foreign=event.attempt_id is None)
                return False
            if event.subject != "charge":
                _apply(event, attempt)
            elif attempt.pk not in looked_up:
                settle_charge(attempt)
                looked_up.add(attempt.pk)
    except PaymentUnavailable:
        webhook_inbox.mark_event_failed(row, "The provider is not available.")
        return False
    except Order.DoesNotExist:
        webhook_inbox.mark_event_failed(row, "The attempt belongs to no order.")
        return False
    except Exception as error:  # one bad event must not block the others
        logger.exception("Webhook event %s could not be settled", row.pk)
        webhook_inbox.mark_event_failed(row, type(error).__name__)
        return False
    return True


def _is_confirmation(event: ProviderEvent, approved: Mapping[str, UUID]) -> bool:
    """Whether the event tells the outcome of an attempt that is approved: nothing overrides a captured payment."""
    attempt_id = approved.get(event.provider_reference)
    return event.subject == "outcome" and attempt_id is not None and event.attempt_id in (None, attempt_id)


def _apply(event: ProviderEvent, attempt: PaymentAttempt) -> None:
    """Apply what an event itself says about an attempt of ours: an outcome, or a warning."""
    if event.outcome is not None:
        # The batch's own events may have approved it since.
        if attempt.status != AttemptStatus.APPROVED:
            settle(attempt.pk, authorizations.complete(attempt, event.outcome))
    elif event.warning is not None:
        settle_warning(attempt, event.warning)
