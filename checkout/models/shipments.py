"""Parcels of an order: what is in each, who carries it, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Max, Q, Sum
from django.db.models.functions import JSONObject
from django.utils.translation import gettext_lazy as _

from checkout.models.statuses import SHIPMENT_MOVES, OrderStatus, ShipmentStatus
from config.db.locks import require_transaction
from inventory.models import Warehouse


@dataclass(frozen=True)
class PackedUnits:
    """Units of one line of the order that are in a parcel."""

    sku: str
    name: str
    quantity: int


@dataclass(frozen=True)
class TrackingEvent:
    """What happened to a parcel, in the carrier's words if it has any."""

    at: datetime
    status: ShipmentStatus
    text: str

    @property
    def shopper_text(self) -> str:
        return self.text or self.status.shopper_label


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    def with_contents(self) -> Self:
        """With lines and events, as faces show them, oldest parcel first: one statement for any number of them."""
        inside = ShipmentLine.objects.filter(shipment=models.OuterRef("pk")).order_by("order_line")
        events = ShipmentEvent.objects.filter(shipment=models.OuterRef("pk")).order_by("at", "pk")
        return (
            self.select_related("warehouse")
            .order_by("posted_at", "pk")
            .annotate(
                line_facts=ArraySubquery(
                    inside.values_list(JSONObject(sku="order_line__sku", name="order_line__name", quantity="quantity"))
                ),
                event_facts=ArraySubquery(events.values_list(JSONObject(at="at", status="status", text="text"))),
            )
        )

    def astray(self) -> Self:
        """Parcels that did not reach their shopper, of orders that are not closed and sent nothing since."""
        stuck = [ShipmentStatus.UNDELIVERED, ShipmentStatus.RETURNED]
        sent_since = ShipmentEvent.objects.filter(
            shipment=models.OuterRef("pk"),
            status=ShipmentStatus.RETURNED,
            shipment__order__shipments__posted_at__gt=models.F("at"),
        )
        return self.filter(~models.Exists(sent_since), status__in=stuck, order__status=OrderStatus.SHIPPED)

    def last_delivery(self, order_id: int) -> datetime | None:
        """When the last of an order's parcels reached its shopper, if one has."""
        moment: datetime | None = self.filter(order=order_id).aggregate(last=Max("delivered_at"))["last"]
        return moment

    def locked(self) -> Self:
        """Lock the parcels' rows until the transaction ends; the caller has locked their order."""
        require_transaction()
        return self.select_for_update(of=("self",)).order_by("pk")


class Shipment(models.Model):
    """One parcel. Its id comes from whoever records it, so that recording it twice makes one parcel."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    order = models.ForeignKey("checkout.Order", models.PROTECT, related_name="shipments", verbose_name=_("order"))
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("warehouse")
    )
    carrier = models.CharField(_("carrier"), max_length=60, blank=True)
    service = models.CharField(_("service"), max_length=60, blank=True)
    tracking_code = models.CharField(_("tracking code"), max_length=60, blank=True)
    tracking_url = models.CharField(_("tracking link"), max_length=300, blank=True)
    weight_grams = models.PositiveIntegerField(_("weight in grams"), null=True, blank=True)
    price_paid = models.DecimalField(_("price paid"), max_digits=10, decimal_places=2, null=True, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=ShipmentStatus.choices, default=ShipmentStatus.POSTED)
    posted_at = models.DateTimeField(_("posted at"))
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        ordering = ["-posted_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ShipmentStatus.values), name="shipment_status_is_known"),
            models.CheckConstraint(
                condition=Q(status="delivered", delivered_at__isnull=False)
                | (~Q(status="delivered") & Q(delivered_at__isnull=True)),
                name="shipment_is_delivered_at",
            ),
            models.CheckConstraint(condition=Q(price_paid__gte=0), name="shipment_price_is_not_negative"),
            models.UniqueConstraint(
                fields=["order", "tracking_code"], condition=~Q(tracking_code=""), name="shipment_once_per_code"
            ),
        ]
        indexes = [
            # The staff's search.
            models.Index(fields=["tracking_code"], condition=~Q(tracking_code=""), name="shipment_by_code"),
            # Stays small: few parcels go astray.
            models.Index(
                fields=["posted_at"], condition=Q(status__in=["undelivered", "returned"]), name="shipment_astray"
            ),
        ]

    def __str__(self) -> str:
        return self.tracking_code or str(self.pk)

    @property
    def contents(self) -> list[PackedUnits]:
        """What is in it. Reads what `with_contents` has loaded."""
        return [PackedUnits(**fact) for fact in self._loaded("line_facts")]

    @property
    def events(self) -> list[TrackingEvent]:
        """What happened to it, oldest first. Reads what `with_contents` has loaded."""
        return [
            TrackingEvent(datetime.fromisoformat(fact["at"]), ShipmentStatus(fact["status"]), fact["text"])
            for fact in self._loaded("event_facts")
        ]

    @property
    def moves(self) -> list[ShipmentStatus]:
        """The statuses that it may get next, in the order of the enum."""
        return [status for status in ShipmentStatus if status in SHIPMENT_MOVES[ShipmentStatus(self.status)]]

    def _loaded(self, name: str) -> list[dict[str, Any]]:
        return list(getattr(self, name))


def units_by_order_line(lines: models.QuerySet[Any]) -> dict[int, int]:
    """The sum of the units of these lines of parcels, by line of the order. One statement."""
    summed = lines.order_by().values("order_line").annotate(units=Sum("quantity"))
    return dict(summed.values_list("order_line", "units"))


class ShipmentLineQuerySet(models.QuerySet["ShipmentLine"]):
    def sent(self, order_id: int) -> dict[int, int]:
        """Units by line of the order that have left and did not come back. The caller has locked the order."""
        of_order = self.filter(shipment__order=order_id)
        return units_by_order_line(of_order.exclude(shipment__status=ShipmentStatus.RETURNED))


class ShipmentLine(models.Model):
    """Units of one line of the order. All parcels together hold no more than was sold: the order's lock decides."""

    # The unique constraint begins with it.
    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="lines", verbose_name=_("parcel"), db_index=False
    )
    order_line = models.ForeignKey("checkout.OrderLine", models.PROTECT, related_name="+", verbose_name=_("line"))
    quantity = models.PositiveSmallIntegerField(_("quantity"))

    objects = ShipmentLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a parcel")
        verbose_name_plural = _("lines of parcels")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="shipment_line_once_per_line"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="shipment_line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"


class ShipmentEvent(models.Model):
    """A step of a parcel, told by staff or by its carrier. Told twice, it is kept once."""

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="history", verbose_name=_("parcel"), db_index=False
    )
    at = models.DateTimeField(_("at"))
    status = models.CharField(_("status"), max_length=16, choices=ShipmentStatus.choices)
    text = models.CharField(_("in the carrier's words"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("step of a parcel")
        verbose_name_plural = _("steps of parcels")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "at", "status"], name="shipment_event_once"),
            models.CheckConstraint(condition=Q(status__in=ShipmentStatus.values), name="shipment_event_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.at}"
