"""Settle the events of the webhook inbox, in any order and any number of times."""

import logging

from checkout.metrics import swept
from checkout.models import Order
from checkout.settle import settle
from payments import services as payments
from payments import webhook_inbox
from payments.models import AttemptStatus, WebhookEvent

logger = logging.getLogger(__name__)

BATCH = 100


def settle_waiting_events() -> int:
    """Settle the pending events, those with the fewest tries first; returns how many were handled.

    Safe to run in several workers at once: each claims its own events. An event that matches no attempt yet stays
    pending.
    """
    total = 0
    while True:
        handled = [row for row in payments.claim_events(BATCH) if _settle_event(row)]
        webhook_inbox.mark_events_handled(handled)
        swept.labels("webhooks").inc(len(handled))
        total += len(handled)
        if len(handled) < BATCH:
            return total


def _settle_event(row: WebhookEvent) -> bool:
    """Settle one event. Returns whether it is handled, which includes an event that changes nothing."""
    try:
        event = webhook_inbox.read_event(row)
        if event.outcome is not None:
            attempt = webhook_inbox.attempt_of_event(event)
            if attempt is None:
                webhook_inbox.mark_event_failed(row, "No attempt matches yet.")
                return False
            # Most events confirm an answer that is already recorded. Nothing overrides a captured payment.
            if attempt.status != AttemptStatus.APPROVED:
                settle(attempt.pk, event.outcome)
    except Order.DoesNotExist:
        webhook_inbox.mark_event_failed(row, "The attempt belongs to no order.")
        return False
    except Exception as error:  # one bad event must not block the others
        logger.exception("Webhook event %s could not be settled", row.pk)
        webhook_inbox.mark_event_failed(row, type(error).__name__)
        return False
    return True
