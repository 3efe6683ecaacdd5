"""Money that the provider took and that nobody here asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StrayChargeQuerySet(models.QuerySet["StrayCharge"]):
    def open(self) -> StrayChargeQuerySet:
        """Those that nobody has dealt with, the oldest first."""
        return self.filter(dealt_at=None).order_by("found_at", "pk")

    def without_known(self, charges: list[StrayCharge]) -> list[StrayCharge]:
        """Those of `charges` that are not kept yet. One statement."""
        references = [charge.provider_reference for charge in charges]
        known = set(self.filter(provider_reference__in=references).values_list("provider_reference", flat=True))
        return [charge for charge in charges if charge.provider_reference not in known]


class StrayCharge(models.Model):
    """Money that the provider took and that no attempt of ours asked for, as the reconciliation found it.

    It is paid back in the provider's own dashboard; `dealt_at` and `note` say that somebody did, and how.
    """

    provider = models.CharField(_("provider"), max_length=20)
    provider_reference = models.CharField(_("provider reference"), max_length=255)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    found_at = models.DateTimeField(_("found"), default=timezone.now, editable=False)
    dealt_at = models.DateTimeField(_("dealt with"), null=True, blank=True)
    note = models.CharField(_("what was done"), max_length=200, blank=True, default="")

    objects = StrayChargeQuerySet.as_manager()

    class Meta:
        verbose_name = _("charge of no order")
        verbose_name_plural = _("charges of no order")
        ordering = ["-found_at"]
        indexes = [models.Index(fields=["found_at"], name="stray_open", condition=Q(dealt_at=None))]
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_reference"], name="stray_charge_unique"),
        ]

    def __str__(self) -> str:
        return self.provider_reference
