"""Webhook events received from the provider."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db import rows
from config.db.locks import require_transaction
from payments.models.payments import PaymentAttempt

# How long a claim lasts: many times what a batch takes. After a crash the events are free again when it ends.
LEASE = timedelta(seconds=30)
# An event that cannot be settled is tried at once this many times, then ever more rarely.
PROMPT_TRIES = 5
LONGEST_PAUSE_SECONDS = 600


class SetAside(models.TextChoices):
    """Why an event is kept without being dealt with."""

    UNKNOWN_TYPE = "unknown_type", _("of a type that this release does not know")
    NOT_OURS = "not_ours", _("about no payment of this shop")


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def waiting(self) -> WebhookEventQuerySet:
        """Unhandled events that are not set aside: fewest tries first, then oldest."""
        return self.filter(handled_at=None, set_aside="").order_by("tries", "received_at", "pk")

    def ended(self, before: datetime) -> WebhookEventQuerySet:
        """Events that were handled, or set aside, before `before`."""
        return self.filter(Q(handled_at__lt=before) | Q(set_aside__gt="", received_at__lt=before)).order_by(
            "received_at"
        )

    def ours(self) -> WebhookEventQuerySet:
        """Without those that look like another application's on the same provider account."""
        return self.filter(looks_foreign=False)

    def late(self, before: datetime) -> WebhookEventQuerySet:
        """Unhandled events about our payments received before `before`."""
        return self.waiting().ours().filter(received_at__lt=before)

    def about(self, references: list[str]) -> WebhookEventQuerySet:
        """Events about attempts with these provider references, oldest first."""
        return self.filter(provider_reference__in=references).order_by("received_at", "pk")

    def store(self, event: WebhookEvent) -> bool:
        """Insert a new event unless it is stored already; returns whether it was new. One statement, written out: a
        `get_or_create` is three and a savepoint."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO payments_webhookevent
                    (provider, event_id, type, payload, provider_reference, received_at, tries, last_error)
                VALUES (%(provider)s, %(event_id)s, %(type)s, %(payload)s::jsonb, %(provider_reference)s,
                        %(received_at)s, 0, '')
                ON CONFLICT (provider, event_id) DO NOTHING
                """,
                {
                    "provider": event.provider,
                    "event_id": event.event_id,
                    "type": event.type,
                    "payload": json.dumps(event.payload),
                    "provider_reference": event.provider_reference,
                    "received_at": event.received_at,
                },
            )
            return bool(cursor.rowcount)

    def unstored(self, events: list[WebhookEvent]) -> list[WebhookEvent]:
        """Those of `events` that are not stored yet. One statement."""
        ids = [event.event_id for event in events]
        stored = set(self.filter(event_id__in=ids).values_list("event_id", flat=True))
        return [event for event in events if event.event_id not in stored]

    def with_reference(self) -> WebhookEventQuerySet:
        """Annotates `reference`: that of the payment, if the event matches an attempt."""
        attempt = PaymentAttempt.objects.filter(provider_reference=models.OuterRef("provider_reference"))
        known = attempt.exclude(provider_reference="").order_by().values("payment__reference")[:1]
        return self.annotate(reference=models.Subquery(known))

    def claim(self, now: datetime, limit: int) -> list[WebhookEvent]:
        """Claim up to `limit` waiting events for one worker, those with the fewest tries first: no other worker gets
        them during the lease.

        Skips rows locked by another worker. One statement, in the caller's transaction; commit before settling.
        """
        require_transaction()
        claimed = rows.returned(
            self.model,
            """
            WITH free AS MATERIALIZED (
                SELECT id FROM payments_webhookevent
                WHERE handled_at IS NULL AND set_aside = ''
                    AND (claimed_at IS NULL OR claimed_at < %(lease_began)s) AND (due_at IS NULL OR due_at <= %(now)s)
                ORDER BY tries, received_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            )
            UPDATE payments_webhookevent AS event SET claimed_at = %(now)s
            FROM free WHERE event.id = free.id
            RETURNING event.*
            """,
            {"now": now, "lease_began": now - LEASE, "limit": limit},
        )
        return sorted(claimed, key=lambda event: (event.tries, event.received_at, event.pk))

    def mark_handled(self, events: Collection[WebhookEvent], now: datetime) -> None:
        """Mark events as handled now, so that they are not claimed again. At most one statement."""
        if not events:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE payments_webhookevent SET handled_at = %(now)s, tries = tries + 1, last_error = ''
                WHERE id = ANY(%(events)s::bigint[])
                """,
                {"now": now, "events": [event.pk for event in events]},
            )

    def try_again(self, event: WebhookEvent, **fields: Any) -> None:
        """Free a claimed event that could not be settled: at once after the first tries, then after ever longer pauses.
        Writes `fields` too. One statement."""
        late_tries = max(event.tries + 1 - PROMPT_TRIES, 0)
        pause = timedelta(seconds=min(2**late_tries, LONGEST_PAUSE_SECONDS) if late_tries else 0)
        self.filter(pk=event.pk).update(
            tries=models.F("tries") + 1, claimed_at=None, due_at=timezone.now() + pause, **fields
        )


class WebhookEvent(models.Model):
    """A webhook event, verified and stored before it is acknowledged; without personal data and secrets.

    It ends `handled`, or `set_aside` with the reason. `looks_foreign`: it names no attempt of ours, and so far no
    attempt has its reference; another application may share the provider account.
    """

    provider = models.CharField(_("provider"), max_length=20)
    event_id = models.CharField(_("event"), max_length=255)
    type = models.CharField(_("type"), max_length=100)
    payload: models.JSONField[Any, Any] = models.JSONField(_("payload"))
    provider_reference = models.CharField(
        _("provider reference"), max_length=255, blank=True, default="", db_index=True
    )
    received_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(_("taken in hand"), null=True, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    set_aside = models.CharField(
        _("set aside"), max_length=16, choices=SetAside.choices, blank=True, default="", db_default=""
    )
    looks_foreign = models.BooleanField(_("looks like another application's"), default=False, db_default=False)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=500, blank=True, default="")

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["tries", "received_at"], name="webhook_waiting", condition=Q(handled_at=None)),
            models.Index(fields=["handled_at"], name="webhook_handled", condition=Q(handled_at__isnull=False)),
            models.Index(fields=["received_at"], name="webhook_set_aside", condition=Q(set_aside__gt="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
