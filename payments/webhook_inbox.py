"""The webhook inbox: events are verified and stored on receipt, and settled later."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from config.db.locks import refuse_in_transaction
from payments import metrics
from payments.exceptions import MalformedEvent
from payments.gateways import gateway
from payments.gateways.base import ProviderEvent
from payments.models import PaymentAttempt, SetAside, WebhookEvent

# The width of the columns; the provider promises no id beyond it.
MAX_IDENTIFIER = 255
# An event may come before the answer to the call that caused it, but not by this much.
FOREIGN_AFTER = timedelta(days=1)


def store_webhook(provider: str, raw: bytes, signature: str) -> bool:
    """Verify a webhook on its raw body and store it once, without secrets; returns whether it was new. One statement.

    Raises InvalidSignature, and MalformedEvent for a signed message that is no event.

    Acknowledge it only afterwards: a stored event is settled whether it comes before its order exists or days late.
    """
    parsed = gateway().parse_webhook(raw, signature)
    if max(len(parsed.event_id), len(parsed.provider_reference)) > MAX_IDENTIFIER:
        raise MalformedEvent
    return WebhookEvent.objects.store(_row_of(provider, parsed))


def _row_of(provider: str, event: ProviderEvent) -> WebhookEvent:
    return WebhookEvent(
        provider=provider,
        event_id=event.event_id,
        type=event.type[:100],
        payload=event.payload,
        provider_reference=event.provider_reference,
    )


def store_missed(first: datetime, last: datetime) -> int:
    """Store the events of [first, last) about our charges whose webhooks never came; returns how many.

    Those of other applications on the account are left out. Not inside a transaction. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    events = list(gateway().events_between(first, last))
    ours = PaymentAttempt.objects.known_references([event.provider_reference for event in events])
    about_ours = [_row_of(gateway().name, event) for event in events if event.provider_reference in ours]
    missed = WebhookEvent.objects.unstored(about_ours)
    WebhookEvent.objects.bulk_create(missed, ignore_conflicts=True)
    return len(missed)


def read_event(event: WebhookEvent) -> ProviderEvent:
    """Parse a stored event: its attempt, and the outcome if it has one. No network."""
    return gateway().read_event(event.payload)


def approved_attempts(events: Collection[WebhookEvent]) -> dict[str, UUID]:
    """The approved attempts that these events are about, by provider reference. One statement."""
    return PaymentAttempt.objects.approved([event.provider_reference for event in events])


def attempt_of_event(event: ProviderEvent) -> PaymentAttempt | None:
    """The attempt of an event: by its key, else by the provider reference; None if unknown."""
    attempts = PaymentAttempt.objects.with_payment()
    attempt = attempts.filter(pk=event.attempt_id).first() if event.attempt_id else None
    if attempt is None and event.provider_reference:
        attempt = attempts.filter(provider_reference=event.provider_reference).first()
    return attempt


def mark_events_handled(events: Collection[WebhookEvent]) -> None:
    """Mark events that were settled or are irrelevant, so that they are not claimed again. At most one statement."""
    WebhookEvent.objects.mark_handled(events, timezone.now())


def mark_event_failed(event: WebhookEvent, error: str) -> None:
    """Return an event that could not be settled to the queue, behind those tried less."""
    WebhookEvent.objects.try_again(event, last_error=error[:500])


def mark_event_unmatched(event: WebhookEvent, *, looks_foreign: bool) -> None:
    """Return an event to the queue whose attempt is not known yet. One that looks foreign is set aside after a day."""
    if looks_foreign and event.received_at < timezone.now() - FOREIGN_AFTER:
        set_aside(event, SetAside.NOT_OURS)
        return
    WebhookEvent.objects.try_again(event, last_error="No attempt matches yet.", looks_foreign=looks_foreign)


def set_aside(event: WebhookEvent, why: SetAside) -> None:
    """Keep an event without dealing with it, and count it."""
    WebhookEvent.objects.filter(pk=event.pk).update(set_aside=why, tries=F("tries") + 1, last_error="")
    metrics.events_set_aside.labels(why).inc()
