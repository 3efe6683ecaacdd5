"""Refunds."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from config.db.statuses import BAD, BUSY, GOOD, StatusChoices
from config.money import ZERO
from payments.models.payments import Payment, PaymentAttempt

# How often the provider is asked about a refund that it has accepted: such a refund takes days, not seconds.
ASK_PENDING_EVERY = timedelta(hours=1)


class RefundStatus(StatusChoices):
    """A refund that succeeded may still fail days later, when the shopper's bank sends the money back."""

    STARTED = "started", BUSY, _("started")
    PENDING = "pending", BUSY, _("pending at the provider")
    SUCCEEDED = "succeeded", GOOD, _("succeeded")
    FAILED = "failed", BAD, _("failed")
    UNKNOWN = "unknown", BAD, _("unknown")


# The idempotency keys of refunds that were taken over begin with it.
MADE_AT_PROVIDER = "provider:"

# A refund that was never asked about counts from its start.
LAST_ASKED = Coalesce("asked_at", "created_at")
UNANSWERED = [RefundStatus.STARTED, RefundStatus.UNKNOWN]
TRACES = Q(status=RefundStatus.SUCCEEDED) & ~Q(error="")


class RefundQuerySet(models.QuerySet["Refund"]):
    def holding_money(self) -> RefundQuerySet:
        """Refunds that were or may yet be paid out: all but the failed ones."""
        return self.exclude(status=RefundStatus.FAILED)

    def locked(self) -> RefundQuerySet:
        """Lock the rows, oldest first. Evaluate at once. Raises LockOutsideTransaction."""
        require_transaction()
        return self.order_by("created_at", "pk").select_for_update(of=("self",))

    def paid(self) -> RefundQuerySet:
        """Refunds that were paid out."""
        return self.filter(status=RefundStatus.SUCCEEDED)

    def stale(self, before: datetime) -> RefundQuerySet:
        """Refunds started before `before` that have no answer yet, oldest first, with attempt and payment."""
        return (
            self.filter(status__in=UNANSWERED, created_at__lt=before)
            .select_related("payment", "attempt")
            .order_by("created_at", "pk")
        )

    def pending_since(self, before: datetime) -> RefundQuerySet:
        """Refunds started before `before` that the provider has accepted and not finished, oldest first."""
        pending = self.filter(status=RefundStatus.PENDING, created_at__lt=before)
        return pending.select_related("payment").order_by("created_at", "pk")

    def claim_one(self, before: datetime) -> Refund | None:
        """Claim a refund to ask about, with attempt and payment; None if there is none.

        To be asked about are refunds without an answer that were last asked about before `before`, or started if they
        never were; then pending ones, every ASK_PENDING_EVERY. The least recently asked of each come first, read from
        an index one by one: any number may be open. Skips rows locked by another sweep. Runs in the caller's
        transaction; commit before calling the provider.
        """
        require_transaction()
        free = self.select_related("payment", "attempt").select_for_update(of=("self",), skip_locked=True)
        unanswered = free.filter(LessThan(LAST_ASKED, before), status__in=UNANSWERED)
        pending = free.filter(LessThan(LAST_ASKED, before - ASK_PENDING_EVERY), status=RefundStatus.PENDING)
        refund = unanswered.order_by(LAST_ASKED).first() or pending.order_by(LAST_ASKED).first()
        if refund is not None:
            refund.asked_at = timezone.now()
            refund.save(update_fields=["asked_at"])
        return refund

    def under_way(self) -> RefundQuerySet:
        """Refunds that neither were paid out nor failed."""
        return self.exclude(status__in=[RefundStatus.SUCCEEDED, RefundStatus.FAILED])

    def with_traces(self) -> RefundQuerySet:
        """Refunds that succeeded and still hold an error text of an earlier try."""
        return self.filter(TRACES)

    def with_payment(self) -> RefundQuerySet:
        return self.select_related("payment")

    def under(self, payment_id: uuid.UUID, idempotency_key: str) -> Refund | None:
        """The refund of a payment with this idempotency key, if any."""
        return self.filter(payment=payment_id, idempotency_key=idempotency_key).first()

    def open_under(self, payment_id: uuid.UUID, idempotency_key: str) -> Refund | None:
        """The unsettled refund with this idempotency key, if any."""
        return self.filter(payment=payment_id, idempotency_key=idempotency_key, settled_at=None).first()

    def failed_for_good(self) -> RefundQuerySet:
        """Failed refunds that no later refund of the same payment has made up for."""
        later = Refund.objects.holding_money().filter(
            payment=models.OuterRef("payment"), created_at__gt=models.OuterRef("created_at")
        )
        return self.filter(~models.Exists(later), status=RefundStatus.FAILED).select_related("payment")

    def at_provider(self) -> RefundQuerySet:
        """Refunds that the provider has paid or will pay: not those that failed, nor those that staff have paid."""
        return self.holding_money().filter(by_hand=False)

    def totals_by_attempt(self) -> dict[uuid.UUID, Decimal]:
        """The sum of the amounts of each attempt that has any. One statement."""
        rows = self.order_by().values_list("attempt").annotate(total=models.Sum("amount"))
        return dict(rows)

    def total(self) -> Decimal:
        """The sum of the amounts. One statement."""
        return self.aggregate(total=models.Sum("amount"))["total"] or ZERO


class Refund(models.Model):
    """A refund, begun here or taken over from the provider's dashboard.

    `idempotency_key` is the caller's; the provider's is the primary key. `restock`: the goods go back on the shelf once
    the order is refunded in full; None if the release before this one wrote the row. `by_hand`: staff have paid it
    another way, and say how in `reason`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(
        Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment"), db_index=False
    )
    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="refunds", verbose_name=_("attempt"))
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    status = models.CharField(_("status"), max_length=10, choices=RefundStatus.choices, default=RefundStatus.STARTED)
    provider_reference = models.CharField(_("provider reference"), max_length=255, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    idempotency_key = models.CharField(_("idempotency key"), max_length=128)
    error = models.CharField(_("error"), max_length=500, blank=True, default="")
    restock = models.BooleanField(_("goods go back on the shelf once refunded"), null=True, blank=True)
    by_hand = models.BooleanField(_("paid by hand"), default=False, db_default=False)
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
            models.Index(fields=["settled_at"], name="refund_traces", condition=TRACES),
            models.Index(
                fields=["created_at"],
                name="refund_open_created",
                condition=Q(status__in=["started", "pending", "unknown"]),
            ),
            models.Index(LAST_ASKED, name="refund_unanswered_asked", condition=Q(status__in=["started", "unknown"])),
            models.Index(LAST_ASKED, name="refund_pending_asked", condition=Q(status="pending")),
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
        """Whether the provider has paid or refused. A refund that succeeded may still fail."""
        return self.status in (RefundStatus.SUCCEEDED, RefundStatus.FAILED)

    @property
    def is_paid(self) -> bool:
        """Whether it was paid out; see `RefundQuerySet.paid`."""
        return self.status == RefundStatus.SUCCEEDED

    @property
    def made_at_provider(self) -> bool:
        """Whether it was made in the provider's dashboard and taken over."""
        return self.idempotency_key.startswith(MADE_AT_PROVIDER)

    @property
    def may_be_paid_by_hand(self) -> bool:
        """Whether the provider has refused it, so that staff may pay it another way."""
        return self.status == RefundStatus.FAILED

    @property
    def holds_money(self) -> bool:
        """Whether it was or may yet be paid out; see `RefundQuerySet.holding_money`."""
        return self.status != RefundStatus.FAILED
