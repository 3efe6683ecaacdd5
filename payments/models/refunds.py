"""Money on its way back."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from config.db.statuses import BAD, BUSY, GOOD, StatusChoices
from config.money import ZERO
from payments.models.payments import Payment, PaymentAttempt


class RefundStatus(StatusChoices):
    STARTED = "started", BUSY, _("started")
    SUCCEEDED = "succeeded", GOOD, _("succeeded")
    FAILED = "failed", BAD, _("failed")
    UNKNOWN = "unknown", BAD, _("unknown")


class RefundQuerySet(models.QuerySet["Refund"]):
    def holding_money(self) -> RefundQuerySet:
        """Refunds that were or may yet be paid back: all but the failed."""
        return self.exclude(status=RefundStatus.FAILED)

    def stale(self, before: datetime) -> RefundQuerySet:
        """Refunds started before `before` with no known answer: settle them. Oldest first, with attempt and payment."""
        statuses = [RefundStatus.STARTED, RefundStatus.UNKNOWN]
        return (
            self.filter(status__in=statuses, created_at__lt=before)
            .select_related("payment", "attempt")
            .order_by("created_at", "pk")
        )

    def claim_one(self, before: datetime) -> Refund | None:
        """The one of these asked about longest ago, unless that was after `before`, for one sweep to settle.

        Rows that another sweep is claiming are left to it. In the caller's transaction; commit before asking.
        """
        require_transaction()
        free = self.filter(Q(asked_at=None) | Q(asked_at__lt=before))
        least_asked = models.F("asked_at").asc(nulls_first=True)
        rows = free.select_for_update(of=("self",), skip_locked=True).order_by(least_asked, "created_at", "pk")
        refund = rows.first()
        if refund is not None:
            refund.asked_at = timezone.now()
            refund.save(update_fields=["asked_at"])
        return refund

    def with_payment(self) -> RefundQuerySet:
        return self.select_related("payment")

    def open_under(self, payment_id: uuid.UUID, idempotency_key: str) -> Refund | None:
        """The refund that was begun under this key and whose end is not known."""
        return self.filter(payment=payment_id, idempotency_key=idempotency_key, settled_at=None).first()

    def failed_for_good(self) -> RefundQuerySet:
        """Refunds that the provider refused and that no later refund of the same payment has made up for."""
        later = Refund.objects.holding_money().filter(
            payment=models.OuterRef("payment"), created_at__gt=models.OuterRef("created_at")
        )
        return self.filter(~models.Exists(later), status=RefundStatus.FAILED).select_related("payment")

    def total(self) -> Decimal:
        """The sum of the amounts, in one statement."""
        return self.aggregate(total=models.Sum("amount"))["total"] or ZERO


class Refund(models.Model):
    """Money on its way back. `idempotency_key` is the caller's; the row's own key is the one that the provider sees."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="refunds", verbose_name=_("attempt"))
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    status = models.CharField(_("status"), max_length=10, choices=RefundStatus.choices, default=RefundStatus.STARTED)
    provider_reference = models.CharField(_("provider reference"), max_length=255, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    idempotency_key = models.CharField(_("idempotency key"), max_length=128)
    error = models.CharField(_("error"), max_length=500, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    asked_at = models.DateTimeField(_("last asked about"), null=True, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-created_at"]
        permissions = [("export_refund", "Can export refunds")]
        indexes = [
            models.Index(
                fields=["created_at"], name="refund_unsettled_created", condition=Q(status__in=["started", "unknown"])
            ),
            models.Index(fields=["created_at"], name="refund_failed_created", condition=Q(status="failed")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(status__in=RefundStatus.values), name="refund_status_known"),
            models.UniqueConstraint(fields=["payment", "idempotency_key"], name="refund_key_unique"),
            models.UniqueConstraint(
                fields=["provider_reference"],
                condition=~Q(provider_reference=""),
                name="refund_provider_reference_unique",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_settled(self) -> bool:
        """Whether the end is known: succeeded or failed."""
        return self.status in (RefundStatus.SUCCEEDED, RefundStatus.FAILED)

    @property
    def holds_money(self) -> bool:
        """Whether it was or may yet be paid back, as `holding_money` asks of rows."""
        return self.status != RefundStatus.FAILED
