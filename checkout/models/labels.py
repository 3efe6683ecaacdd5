"""Parcels that are packed and have a label, and have not been handed over yet."""

from typing import Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Q
from django.db.models.functions import JSONObject
from django.utils.translation import gettext_lazy as _

from checkout.models.shipments import PackedUnits, units_by_order_line
from inventory.models import Warehouse
from shipping.models import Label


class PackedParcelQuerySet(models.QuerySet["PackedParcel"]):
    def with_contents(self) -> Self:
        """With label, warehouse and contents, as staff see them, oldest first: one statement for any number."""
        inside = PackedLine.objects.filter(parcel=models.OuterRef("pk")).order_by("order_line")
        facts = JSONObject(sku="order_line__sku", name="order_line__name", quantity="quantity")
        shown = self.select_related("label", "warehouse").annotate(line_facts=ArraySubquery(inside.values_list(facts)))
        return shown.order_by("label__created_at", "pk")

    def with_everything(self) -> Self:
        """As a label is bought for it and it is posted: with label, order, warehouse and lines. Two statements."""
        return self.select_related("label", "order", "warehouse").prefetch_related("lines__order_line")


class PackedParcel(models.Model):
    """What a label was bought for. Once the carrier has it, a `Shipment` with the same id and goods is recorded."""

    label = models.OneToOneField(Label, models.PROTECT, primary_key=True, related_name="+", verbose_name=_("label"))
    order = models.ForeignKey("checkout.Order", models.PROTECT, related_name="packed", verbose_name=_("order"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, related_name="+", verbose_name=_("warehouse"))

    objects = PackedParcelQuerySet.as_manager()

    class Meta:
        verbose_name = _("packed parcel")
        verbose_name_plural = _("packed parcels")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def contents(self) -> list[PackedUnits]:
        """What is in it. Reads what `with_contents` has loaded."""
        return [PackedUnits(**fact) for fact in getattr(self, "line_facts", [])]

    @property
    def units(self) -> dict[int, int]:
        """By line of the order. Reads the lines."""
        return {line.order_line_id: line.quantity for line in self.lines.all()}


class PackedLineQuerySet(models.QuerySet["PackedLine"]):
    def held(self, order_id: int) -> dict[int, int]:
        """Units by line of the order that are in packed parcels and have not left. The caller has locked the order."""
        return units_by_order_line(self.filter(parcel__order=order_id, parcel__label__in=Label.objects.live()))


class PackedLine(models.Model):
    # The unique constraint begins with it.
    parcel = models.ForeignKey(
        PackedParcel, models.CASCADE, related_name="lines", verbose_name=_("packed parcel"), db_index=False
    )
    order_line = models.ForeignKey("checkout.OrderLine", models.PROTECT, related_name="+", verbose_name=_("line"))
    quantity = models.PositiveSmallIntegerField(_("quantity"))

    objects = PackedLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a packed parcel")
        verbose_name_plural = _("lines of packed parcels")
        constraints = [
            models.UniqueConstraint(fields=["parcel", "order_line"], name="packed_line_once_per_line"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="packed_line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"
