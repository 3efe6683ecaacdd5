"""How far a lost attempt has been looked for at the provider."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from payments.models.payments import PaymentAttempt


class AttemptSearchQuerySet(models.QuerySet["AttemptSearch"]):
    def remember(self, attempt: PaymentAttempt, key_used_at: datetime, searched_to: datetime | None) -> None:
        """Remember how far a locked attempt was searched for; `key_used_at` stays the first. One statement."""
        require_transaction()
        self.bulk_create(
            [AttemptSearch(attempt=attempt, key_used_at=key_used_at, searched_to=searched_to)],
            update_conflicts=True,
            unique_fields=["attempt"],
            update_fields=["searched_to"],
        )


class AttemptSearch(models.Model):
    """The search for an attempt whose call reached the provider and whose answer was lost.

    `key_used_at` is when its idempotency key was found to be used: the call had begun by then. `searched_to` is set
    once the call must have ended: nothing created before it is the attempt's. See `payments.lost_attempts`.
    """

    attempt = models.OneToOneField(
        PaymentAttempt, models.CASCADE, primary_key=True, related_name="search", verbose_name=_("payment attempt")
    )
    key_used_at = models.DateTimeField(_("reached the provider before"))
    searched_to = models.DateTimeField(_("searched to"), null=True, blank=True)

    objects = AttemptSearchQuerySet.as_manager()

    class Meta:
        verbose_name = _("search for a payment attempt")
        verbose_name_plural = _("searches for payment attempts")

    def __str__(self) -> str:
        return str(self.attempt_id)
