"""Charges of ours on which the provider's books and ours disagree."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from payments.models.payments import PaymentAttempt


class ChargeMismatchQuerySet(models.QuerySet["ChargeMismatch"]):
    def open(self) -> ChargeMismatchQuerySet:
        """All of them, oldest first, with attempt and payment: one that ends is deleted."""
        return self.select_related("attempt__payment").order_by("found_at", "pk")

    def unseen_since(self, before: datetime) -> ChargeMismatchQuerySet:
        """Those that were last compared before `before`."""
        return self.open().filter(compared_at__lt=before)

    def note(
        self, attempt: PaymentAttempt, ours: tuple[Decimal, Decimal, Decimal], theirs: tuple[Decimal, Decimal, Decimal]
    ) -> None:
        """Record captured, refunded and disputed as both have them; forget the mismatch if they agree."""
        if ours == theirs:
            self.filter(attempt=attempt).delete()
            return
        figures = dict(zip(("captured", "refunded", "disputed"), theirs, strict=True))
        self.update_or_create(attempt=attempt, defaults={**figures, "compared_at": timezone.now()})


class ChargeMismatch(models.Model):
    """What the provider says of a charge, where our attempt, refunds and disputes say otherwise. In the payment's
    currency."""

    attempt = models.OneToOneField(PaymentAttempt, models.CASCADE, related_name="mismatch", verbose_name=_("attempt"))
    captured = models.DecimalField(_("captured"), max_digits=12, decimal_places=2)
    refunded = models.DecimalField(_("paid back"), max_digits=12, decimal_places=2)
    disputed = models.DecimalField(_("disputed"), max_digits=12, decimal_places=2)
    found_at = models.DateTimeField(_("found"), default=timezone.now, editable=False)
    compared_at = models.DateTimeField(_("compared"), default=timezone.now)

    objects = ChargeMismatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("charge that differs")
        verbose_name_plural = _("charges that differ")
        ordering = ["-found_at"]

    def __str__(self) -> str:
        return str(self.attempt_id)
