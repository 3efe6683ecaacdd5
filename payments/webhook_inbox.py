"""The webhook inbox: events are verified and stored on receipt, and settled later."""

from collections.abc import Collection

from django.db.models import F
from django.utils import timezone

from payments.exceptions import MalformedEvent
from payments.gateways import gateway
from payments.gateways.base import ProviderEvent
from payments.models import PaymentAttempt, WebhookEvent

# The width of the columns; the provider promises no id beyond it.
MAX_IDENTIFIER = 255


def store_webhook(provider: str, raw: bytes, signature: str) -> WebhookEvent:
    """Verify a webhook on its raw body and store it once, without secrets.

    Raises InvalidSignature, and MalformedEvent for a signed message that is no event.

    Acknowledge it only afterwards: a stored event is settled whether it comes before its order exists or days late.
    """
    parsed = gateway().parse_webhook(raw, signature)
    if max(len(parsed.event_id), len(parsed.provider_reference)) > MAX_IDENTIFIER:
        raise MalformedEvent
    event, _created = WebhookEvent.objects.get_or_create(
        provider=provider,
        event_id=parsed.event_id,
        defaults={
            "type": parsed.type[:100],
            "payload": parsed.payload,
            "provider_reference": parsed.provider_reference,
        },
    )
    return event


def read_event(event: WebhookEvent) -> ProviderEvent:
    """Parse a stored event: its attempt, and the outcome if it has one. No network."""
    return gateway().read_event(event.payload)


def attempt_of_event(event: ProviderEvent) -> PaymentAttempt | None:
    """The attempt of an event: by its key, else by the provider reference; None if unknown."""
    attempts = PaymentAttempt.objects.with_payment()
    attempt = attempts.filter(pk=event.attempt_id).first() if event.attempt_id else None
    if attempt is None and event.provider_reference:
        attempt = attempts.filter(provider_reference=event.provider_reference).first()
    return attempt


def mark_events_handled(events: Collection[WebhookEvent]) -> None:
    """Mark events that were settled or are irrelevant, so that they are not claimed again. At most one statement."""
    handled = [event.pk for event in events]
    WebhookEvent.objects.filter(pk__in=handled).update(handled_at=timezone.now(), tries=F("tries") + 1, last_error="")


def mark_event_failed(event: WebhookEvent, error: str) -> None:
    """Return an event that could not be settled (no attempt yet, for example) to the queue, behind those tried less."""
    WebhookEvent.objects.filter(pk=event.pk).update(tries=F("tries") + 1, last_error=error[:500], claimed_at=None)
