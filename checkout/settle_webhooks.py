"""The webhook inbox, read: what the provider told by itself is settled here, in any order and any number of times."""

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
    """Settle the events that wait, those tried least first; returns how many are done with.

    Several workers may do so at once, each with events of its own. An event that matches no attempt yet keeps waiting.
    """
    total = 0
    while True:
        done = [event for event in payments.claim_events(BATCH) if _settle_event(event)]
        webhook_inbox.mark_events_handled(done)
        swept.labels("webhooks").inc(len(done))
        total += len(done)
        if len(done) < BATCH:
            return total


def _settle_event(event: WebhookEvent) -> bool:
    """Whether the event is done with: settled, or of no news."""
    try:
        told = webhook_inbox.read_event(event)
        if told.outcome is not None:
            attempt = webhook_inbox.attempt_of_event(told)
            if attempt is None:
                webhook_inbox.mark_event_failed(event, "No attempt matches yet.")
                return False
            # The provider mostly confirms what it answered before. Nothing overrules money that was taken.
            if attempt.status != AttemptStatus.APPROVED:
                settle(attempt.pk, told.outcome)
    except Order.DoesNotExist:
        webhook_inbox.mark_event_failed(event, "The attempt belongs to no order.")
        return False
    except Exception as error:  # one event that cannot be read must not keep the others waiting
        logger.exception("Webhook event %s could not be settled", event.pk)
        webhook_inbox.mark_event_failed(event, type(error).__name__)
        return False
    return True
