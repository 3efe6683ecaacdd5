"""Charges at the provider that match no attempt of ours."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UnmatchedChargeQuerySet(models.QuerySet["StrayCharge"]):
    def open(self) -> UnmatchedChargeQuerySet:
        """Unresolved charges, oldest first."""
        return self.filter(dealt_at=None).order_by("found_at", "pk")

    def unrecorded(self, charges: list[StrayCharge]) -> list[StrayCharge]:
        """Those of `charges` that have no row yet. One statement."""
        references = [charge.provider_reference for charge in charges]
        recorded = set(self.filter(provider_reference__in=references).values_list("provider_reference", flat=True))
        return [charge for charge in charges if charge.provider_reference not in recorded]


class StrayCharge(models.Model):
    """An unmatched charge: money that the provider captured for no attempt of ours, as found by reconciliation.

    Staff refund it in the provider's dashboard; `dealt_at` and `note` record when and how it was resolved.

    The class keeps its old name: the table, the content type and the permissions (`payments.change_straycharge`) hang
    on it, and a rename would break the previous release, which runs beside this one during a deployment.
    """

    provider = models.CharField(_("provider"), max_length=20)
    provider_reference = models.CharField(_("provider reference"), max_length=255)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    found_at = models.DateTimeField(_("found"), default=timezone.now, editable=False)
    dealt_at = models.DateTimeField(_("dealt with"), null=True, blank=True)
    note = models.CharField(_("what was done"), max_length=200, blank=True, default="")

    objects = UnmatchedChargeQuerySet.as_manager()

    class Meta:
        verbose_name = _("unmatched charge")
        verbose_name_plural = _("unmatched charges")
        ordering = ["-found_at"]
        indexes = [models.Index(fields=["found_at"], name="stray_open", condition=Q(dealt_at=None))]
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_reference"], name="stray_charge_unique"),
        ]

    def __str__(self) -> str:
        return self.provider_reference
