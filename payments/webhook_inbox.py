"""The webhook inbox: what the provider tells by itself is verified and kept here, and settled from here later."""

from collections.abc import Collection

from django.db.models import F
from django.utils import timezone

from payments.gateways import gateway
from payments.gateways.base import ProviderEvent
from payments.models import PaymentAttempt, WebhookEvent


def store_webhook(provider: str, raw: bytes, signature: str) -> WebhookEvent:
    """Verify a message of the provider on its raw body and keep it, once, without secrets. Raises InvalidSignature.

    Answer the provider only after this: what is stored will be settled, before the order exists or days late.
    """
    told = gateway().parse_webhook(raw, signature)
    event, _created = WebhookEvent.objects.get_or_create(
        provider=provider,
        event_id=told.event_id,
        defaults={
            "type": told.type[:100],
            "payload": told.payload,
            "provider_reference": told.provider_reference,
        },
    )
    return event


def read_event(event: WebhookEvent) -> ProviderEvent:
    """What a stored event tells: the attempt it is about, and the outcome where it tells one. No network."""
    return gateway().read_event(event.payload)


def attempt_of_event(told: ProviderEvent) -> PaymentAttempt | None:
    """The attempt that an event is about: by its own key, else by the provider's reference; None where unknown."""
    attempts = PaymentAttempt.objects.with_payment()
    attempt = attempts.filter(pk=told.attempt_id).first() if told.attempt_id else None
    if attempt is None and told.provider_reference:
        attempt = attempts.filter(provider_reference=told.provider_reference).first()
    return attempt


def mark_events_handled(events: Collection[WebhookEvent]) -> None:
    """The events were settled, or tell nothing that matters; they are not looked at again. At most one statement."""
    now, done = timezone.now(), [event.pk for event in events]
    WebhookEvent.objects.filter(pk__in=done).update(handled_at=now, tries=F("tries") + 1, last_error="")


def mark_event_failed(event: WebhookEvent, error: str) -> None:
    """The event could not be settled this time (no attempt yet, say); it waits on, behind those tried less often."""
    WebhookEvent.objects.filter(pk=event.pk).update(tries=F("tries") + 1, last_error=error[:500], claimed_at=None)
