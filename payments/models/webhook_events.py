"""What the provider told by itself."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def waiting(self) -> WebhookEventQuerySet:
        """Events that nobody has settled yet, those tried least first, then the oldest."""
        return self.filter(handled_at=None).order_by("tries", "received_at", "pk")


class WebhookEvent(models.Model):
    """What the provider told, verified and kept before it is answered; without personal data and secrets."""

    provider = models.CharField(_("provider"), max_length=20)
    event_id = models.CharField(_("event"), max_length=255)
    type = models.CharField(_("type"), max_length=100)
    payload: models.JSONField[Any, Any] = models.JSONField(_("payload"))
    provider_reference = models.CharField(
        _("provider reference"), max_length=255, blank=True, default="", db_index=True
    )
    received_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=500, blank=True, default="")

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["tries", "received_at"], name="webhook_waiting", condition=Q(handled_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="webhook_event_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
