"""Labels that are bought from a carrier, step by step."""

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID, uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from config.db.statuses import BUSY, GOOD, QUIET, StatusChoices


class LabelStatus(StatusChoices):
    """What is known to be done at the carrier."""

    BEGUN = "begun", BUSY, _("begun")
    PLACED = "placed", BUSY, _("in the carrier's cart")
    PAID = "paid", BUSY, _("paid")
    MADE = "made", GOOD, _("ready to print")
    POSTED = "posted", GOOD, _("handed over")
    CANCELLED = "cancelled", QUIET, _("cancelled")


# Its goods are packed and have not left.
LIVE = (LabelStatus.BEGUN, LabelStatus.PLACED, LabelStatus.PAID, LabelStatus.MADE)
# Nothing is left to do at the carrier, unless it is to be cancelled.
AT_REST = (LabelStatus.MADE, LabelStatus.POSTED, LabelStatus.CANCELLED)


class LabelQuerySet(models.QuerySet["Label"]):
    def live(self) -> Self:
        return self.filter(status__in=LIVE)

    def of(self, reference: str) -> Self:
        """Oldest first."""
        return self.filter(reference=reference).order_by("created_at", "pk")

    def due(self, now: datetime) -> Self:
        """Labels of which the next step can be taken, and nobody takes it: longest due first."""
        return self.filter(due_at__lte=now).order_by("due_at", "pk")

    def stuck(self, before: datetime) -> Self:
        """Labels begun before `before` that are not done: refused by the carrier, or not answered."""
        unfinished = Q(status__in=[LabelStatus.BEGUN, LabelStatus.PLACED, LabelStatus.PAID]) | Q(cancelling=True)
        return self.filter(unfinished, created_at__lt=before).order_by("created_at", "pk")

    def with_id(self, carrier_id: str) -> Self:
        """The label with this id at the carrier."""
        return self.filter(carrier_id=carrier_id).exclude(carrier_id="")

    def claim_to_ask(self, now: datetime, lease: timedelta, limit: int) -> "list[Label]":
        """Take labels that are to be asked about, the longest due first, from all others until the lease ends.

        Skips rows that another has locked. Two statements, in the caller's transaction.
        """
        require_transaction()
        due = self.filter(ask_at__lte=now).order_by("ask_at", "pk").select_for_update(skip_locked=True)
        labels = list(due[:limit])
        self.filter(pk__in=[label.pk for label in labels]).update(ask_at=now + lease)
        for label in labels:
            label.ask_at = now + lease
        return labels

    def locked(self) -> Self:
        require_transaction()
        return self.select_for_update(of=("self",)).order_by("pk")

    def fetch_locked(self, label_id: UUID) -> "Label":
        """Fetch a label and lock it until the transaction ends. Raises Label.DoesNotExist.

        Each step of a label does so anew: `get` would be taken for a query in a loop.
        """
        for label in self.locked().filter(pk=label_id):
            return label
        raise Label.DoesNotExist


class Label(models.Model):
    """A label of one parcel, whose id is its tag at the carrier. `reference` is opaque: what the parcel is for.

    `due_at`: when the next step can be taken; none while it waits for a person, or is at rest. Whoever takes a step
    moves it on first, so that no other does. `unsure`: a call of this step began whose answer is not known.
    `ask_at`: when the carrier is to be asked what became of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    reference = models.CharField(_("reference"), max_length=64, db_index=True)
    service = models.CharField(_("service"), max_length=9)
    service_name = models.CharField(_("service"), max_length=80)
    weight_grams = models.PositiveIntegerField(_("weight in grams"))
    length_cm = models.PositiveSmallIntegerField(_("length in cm"))
    width_cm = models.PositiveSmallIntegerField(_("width in cm"))
    height_cm = models.PositiveSmallIntegerField(_("height in cm"))
    status = models.CharField(_("status"), max_length=16, choices=LabelStatus.choices, default=LabelStatus.BEGUN)
    cancelling = models.BooleanField(_("is to be cancelled"), default=False)
    carrier_id = models.CharField(_("the carrier's id"), max_length=64, blank=True)
    protocol = models.CharField(_("protocol"), max_length=60, blank=True)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2, null=True, blank=True)
    tracking_code = models.CharField(_("tracking code"), max_length=60, blank=True)
    print_url = models.CharField(_("address of the print"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    unsure = models.BooleanField(default=False)
    ask_at = models.DateTimeField(_("to be asked about"), null=True, blank=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    objects = LabelQuerySet.as_manager()

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=LabelStatus.values), name="shipping_label_status_is_known"),
            models.CheckConstraint(condition=Q(price__gte=0), name="shipping_label_price_is_not_negative"),
            models.UniqueConstraint(
                fields=["carrier_id"], condition=~Q(carrier_id=""), name="shipping_label_once_per_id"
            ),
            # What is paid for is known by its id.
            models.CheckConstraint(
                condition=~Q(carrier_id="") | Q(status__in=["begun", "cancelled"]), name="shipping_label_has_an_id"
            ),
        ]
        indexes = [
            # They stay small: a label leaves them when it is at rest.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="shipping_label_due"),
            models.Index(fields=["ask_at"], condition=Q(ask_at__isnull=False), name="shipping_label_to_ask"),
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["begun", "placed", "paid"]) | Q(cancelling=True),
                name="shipping_label_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.protocol or str(self.pk)

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is left to do at the carrier."""
        is_printed = self.status != LabelStatus.MADE or bool(self.print_url)
        return self.status in AT_REST and is_printed and not self.cancelling
