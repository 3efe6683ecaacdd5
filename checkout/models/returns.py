"""Goods that shoppers give back: which lines, by right or by request, what came of them, and what is paid for them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import uuid4

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.models.statuses import OPEN_RETURNS, RETURN_MOVES, ReturnStatus
from config.db.locks import require_transaction
from config.money import ZERO
from payments.models import Refund

MAX_REASON_LENGTH = 500


@dataclass(frozen=True)
class ReturnedUnits:
    """Units of one line of the order that are given back, and what was found."""

    order_line: int
    sku: str
    name: str
    quantity: int
    not_sent: int
    restocked: int
    broken: int
    missing: int

    @property
    def expected(self) -> int:
        """Units that the shopper sends back."""
        return self.quantity - self.not_sent


@dataclass(frozen=True)
class GivenBack:
    """Units of one line in all returns: `units` that the shopper does not keep, of which `not_sent` never left, and
    `found` came back or never left."""

    units: int = 0
    not_sent: int = 0
    found: int = 0


class ReturnQuerySet(models.QuerySet["Return"]):
    def with_contents(self) -> Self:
        """With lines, as faces show them, oldest first: one statement for any number of them."""
        inside = ReturnLine.objects.filter(request=models.OuterRef("pk")).order_by("order_line")
        columns = {name: name for name in ("order_line", "quantity", "not_sent", "restocked", "broken", "missing")}
        facts = JSONObject(sku="order_line__sku", name="order_line__name", **columns)
        return (
            self.select_related("refund")
            .order_by("asked_at", "pk")
            .annotate(line_facts=ArraySubquery(inside.values_list(facts)))
        )

    def open(self) -> Self:
        return self.filter(status__in=OPEN_RETURNS)

    def locked(self) -> Self:
        """Lock the returns' rows until the transaction ends; the caller has locked their order."""
        require_transaction()
        return self.select_for_update(of=("self",)).order_by("pk")

    def freight_paid_back(self, order_id: int) -> Decimal:
        """What has been paid back of an order's delivery. The caller has locked the order."""
        found = self.filter(order=order_id).aggregate(paid=Sum("freight_amount"))
        return found["paid"] or ZERO

    def forget_words(self) -> None:
        """Empty what shoppers and staff have written. Goods and amounts stay: they are the books."""
        self.exclude(reason="", answer="").update(reason="", answer="")


class Return(models.Model):
    """What a shopper gives back at once. Its id comes from whoever asks, so that asking twice makes one return.

    It changes under its order's lock only. `by_right`: it was asked for in time, so the shop cannot refuse it;
    `right_until` is when that right ended or ends, if that is known. Amounts are written when it is closed.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    order = models.ForeignKey("checkout.Order", models.PROTECT, related_name="returns", verbose_name=_("order"))
    # The order's number and a count: what the shopper is told.
    number = models.CharField(_("number"), max_length=14, editable=False)
    status = models.CharField(_("status"), max_length=16, choices=ReturnStatus.choices)
    by_right = models.BooleanField(_("by right of withdrawal"))
    right_until = models.DateTimeField(_("right until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=MAX_REASON_LENGTH, blank=True, default="")
    answer = models.CharField(_("answer"), max_length=MAX_REASON_LENGTH, blank=True, default="")
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now, editable=False)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    inspected_at = models.DateTimeField(_("inspected at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    goods_amount = models.DecimalField(_("for the goods"), max_digits=12, decimal_places=2, null=True, blank=True)
    freight_amount = models.DecimalField(_("for the delivery"), max_digits=10, decimal_places=2, null=True, blank=True)
    # None if nothing was to be paid back: nothing came, or the money had gone back already.
    refund = models.OneToOneField(
        Refund, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("refund")
    )

    objects = ReturnQuerySet.as_manager()

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        ordering = ["-asked_at"]
        default_permissions = ("view",)
        permissions = [
            ("answer_return", "Can answer requests to return goods"),
            ("inspect_return", "Can record what came back"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="return_number_unique"),
            models.CheckConstraint(condition=Q(status__in=ReturnStatus.values), name="return_status_is_known"),
            models.CheckConstraint(
                condition=Q(by_right=False) | ~Q(status__in=["requested", "refused"]), name="return_right_is_kept"
            ),
            models.CheckConstraint(
                condition=Q(
                    status="closed",
                    closed_at__isnull=False,
                    goods_amount__isnull=False,
                    goods_amount__gte=0,
                    freight_amount__isnull=False,
                    freight_amount__gte=0,
                )
                | (~Q(status="closed") & Q(closed_at__isnull=True, refund__isnull=True)),
                name="return_is_closed_with_amounts",
            ),
        ]
        indexes = [
            # Stays small: a return leaves it once it is closed or refused.
            models.Index(
                fields=["asked_at"],
                condition=Q(status__in=["requested", "expected", "inspected"]),
                name="return_open",
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def contents(self) -> list[ReturnedUnits]:
        """What is given back. Reads what `with_contents` has loaded."""
        facts: list[dict[str, Any]] = list(getattr(self, "line_facts", []))
        return [ReturnedUnits(**fact) for fact in facts]

    @property
    def is_expected(self) -> bool:
        """Whether goods of it are on their way back."""
        return self.status == ReturnStatus.EXPECTED

    def may_become(self, status: ReturnStatus) -> bool:
        return status in RETURN_MOVES[ReturnStatus(self.status)]


class ReturnLineQuerySet(models.QuerySet["ReturnLine"]):
    def given_back(self, order_id: int, *, closed: bool = False) -> dict[int, GivenBack]:
        """What is given back by line of the order; with `closed` only what is settled. The caller has locked the order.

        Units that did not come are the shopper's again. One statement.
        """
        of_order = self.filter(request__order=order_id).exclude(request__status=ReturnStatus.REFUSED)
        if closed:
            of_order = of_order.filter(request__status=ReturnStatus.CLOSED)
        sums = (
            Sum(F("quantity") - F("missing")),
            Sum("not_sent"),
            Sum(F("not_sent") + F("restocked") + F("broken")),
        )
        rows = of_order.order_by().values("order_line").annotate(units=sums[0], left=sums[1], found=sums[2])
        return {row["order_line"]: GivenBack(row["units"], row["left"], row["found"]) for row in rows}

    def units_of(self, order_line: models.OuterRef) -> models.Subquery:
        """For a statement about lines of orders: the units of a line that are given back."""
        of_line = self.filter(order_line=order_line).exclude(request__status=ReturnStatus.REFUSED)
        summed = of_line.order_by().values("order_line").annotate(units=Sum(F("quantity") - F("missing")))
        return models.Subquery(summed.values("units"))


class ReturnLine(models.Model):
    """Units of one line of the order. All returns together take back no more than was sold: the order's lock decides.

    `not_sent` of them had not left when it was asked: they went back to the shelf at once, and leave no more. What
    became of the others is written when they are inspected. Units that did not come are not paid back.
    """

    # The unique constraint begins with it.
    request = models.ForeignKey(Return, models.CASCADE, related_name="lines", verbose_name=_("return"), db_index=False)
    order_line = models.ForeignKey("checkout.OrderLine", models.PROTECT, related_name="+", verbose_name=_("line"))
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    not_sent = models.PositiveSmallIntegerField(_("had not left"), default=0)
    restocked = models.PositiveSmallIntegerField(_("back to stock"), default=0)
    broken = models.PositiveSmallIntegerField(_("broken"), default=0)
    missing = models.PositiveSmallIntegerField(_("did not come"), default=0)

    objects = ReturnLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a return")
        verbose_name_plural = _("lines of returns")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["request", "order_line"], name="return_line_once_per_line"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="return_line_quantity_is_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("not_sent") + F("restocked") + F("broken") + F("missing")),
                name="return_line_finds_what_is_given_back",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"
