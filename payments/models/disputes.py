"""Disputes: a shopper asks the bank for the money back, or the bank warns of fraud."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.statuses import BAD, BUSY, GOOD, QUIET, StatusChoices
from config.money import ZERO
from payments.models.payments import Payment, PaymentAttempt


class DisputeStatus(StatusChoices):
    """A warning (an inquiry, or suspected fraud) has taken no money yet; staff may dismiss it."""

    WARNING = "warning", BAD, _("warning")
    NEEDS_RESPONSE = "needs_response", BAD, _("needs a response")
    UNDER_REVIEW = "under_review", BUSY, _("under review")
    WON = "won", GOOD, _("won")
    LOST = "lost", BAD, _("lost")
    CLOSED = "closed", QUIET, _("closed")


OPEN_DISPUTES = [DisputeStatus.WARNING, DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW]


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> DisputeQuerySet:
        """Undecided disputes with their payments, the nearest deadline first."""
        undecided = self.filter(status__in=OPEN_DISPUTES).select_related("payment")
        return undecided.order_by(models.F("due_by").asc(nulls_last=True), "opened_at", "pk")

    def of(self, payment: Payment) -> DisputeQuerySet:
        return self.filter(payment=payment)

    def withdrawn(self) -> Decimal:
        """The sum of what the disputes have taken. One statement."""
        return self.aggregate(total=models.Sum("withdrawn"))["total"] or ZERO


class Dispute(models.Model):
    """A dispute of one charge, as the provider reports it. Amounts are in the payment's currency.

    `amount` is what the shopper disputes, `withdrawn` what the provider has taken from us at the moment: it takes the
    money when the dispute is opened and gives it back when it is won. `due_by` is when evidence must be in; None if
    none can be given.
    """

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes", verbose_name=_("payment"))
    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="disputes", verbose_name=_("attempt"))
    provider_reference = models.CharField(_("provider reference"), max_length=255, unique=True)
    reason = models.CharField(_("reason"), max_length=64)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    withdrawn = models.DecimalField(_("withdrawn"), max_digits=12, decimal_places=2, default=ZERO)
    status = models.CharField(_("status"), max_length=16, choices=DisputeStatus.choices)
    due_by = models.DateTimeField(_("evidence due by"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    note = models.CharField(_("what was done"), max_length=200, blank=True, default="")

    objects = DisputeQuerySet.as_manager()

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-opened_at"]
        indexes = [
            models.Index(
                fields=["due_by"],
                name="dispute_open_due",
                condition=Q(status__in=["warning", "needs_response", "under_review"]),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=DisputeStatus.values), name="dispute_status_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="dispute_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return self.provider_reference

    @property
    def is_open(self) -> bool:
        """Whether the bank has not decided yet. No goods leave before it has."""
        return self.status in OPEN_DISPUTES

    @property
    def is_warning(self) -> bool:
        """Whether it has taken no money and staff may dismiss it."""
        return self.status == DisputeStatus.WARNING

    @property
    def at_stake(self) -> Decimal:
        """What cannot be refunded beside this dispute: the money that it has taken, or is about to take."""
        if self.status in (DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW):
            return max(self.amount, self.withdrawn)
        return max(self.withdrawn, ZERO)
