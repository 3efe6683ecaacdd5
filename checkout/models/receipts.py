"""Receipts as PDF: asked for on the page, made by a worker."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.models.orders import Order
from config.db.locks import require_transaction
from config.db.statuses import BAD, BUSY, GOOD, StatusChoices

MAX_TRIES = 3
# A worker that has taken a receipt and has not made it by then is dead.
RETRY_AFTER = timedelta(minutes=1)


class ReceiptState(StatusChoices):
    WAITING = "waiting", BUSY, _("being made")
    MADE = "made", GOOD, _("made")
    FAILED = "failed", BAD, _("could not be made")


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def wanted(self) -> Self:
        """Those that have yet to be made, next due first; not those that have failed too often."""
        return self.filter(made_at=None, tries__lt=MAX_TRIES).order_by("due_at")

    def take(self, now: datetime) -> "Receipt | None":
        """Claim the next one that is due for RETRY_AFTER and count a try; None if there is none.

        Skips those that another worker has locked. Make it only after the transaction has committed.
        """
        require_transaction()
        due = self.wanted().filter(due_at__lte=now).select_for_update(skip_locked=True).first()
        if due is not None:
            due.tries, due.due_at = due.tries + 1, now + RETRY_AFTER
            due.save(update_fields=["tries", "due_at"])
        return due

    def wanted_as(self, taken: "Receipt") -> Self:
        """A receipt that was taken, unless it was asked for anew since."""
        return self.filter(pk=taken.pk, asked_at=taken.asked_at, made_at=None)


class Receipt(models.Model):
    """An order's receipt as the shopper last asked for it. It can be made again at any time, so it is soon deleted.

    `fingerprint` is of all that the PDF shows: one of another fingerprint than the order's present one is out of date.
    """

    order = models.OneToOneField(
        Order, models.CASCADE, primary_key=True, related_name="receipt", verbose_name=_("order")
    )
    language = models.CharField(_("language"), max_length=10)
    asked_at = models.DateTimeField(_("asked for at"), db_default=Now())
    due_at = models.DateTimeField(_("due at"), db_default=Now())
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    made_at = models.DateTimeField(_("made at"), null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    pdf = models.BinaryField(null=True)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(made_at=None, pdf=None) | models.Q(made_at__isnull=False, pdf__isnull=False),
                name="receipt_is_made_with_its_pdf",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(made_at=None), name="receipt_wanted"),
            models.Index(fields=["asked_at"], name="receipt_by_asked"),
        ]

    def __str__(self) -> str:
        return str(self.order_id)

    @property
    def state(self) -> ReceiptState:
        if self.made_at is not None:
            return ReceiptState.MADE
        return (
            ReceiptState.FAILED if self.tries >= MAX_TRIES and self.due_at <= timezone.now() else ReceiptState.WAITING
        )
