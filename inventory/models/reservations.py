"""Reservations: stock held for a reference until it expires, is released or is committed."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection, models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.db.locks import require_transaction
from config.db.statuses import BUSY, QUIET, StatusChoices


class ReservationStatus(StatusChoices):
    HELD = "held", BUSY, _("held")
    RELEASED = "released", QUIET, _("released")
    COMMITTED = "committed", QUIET, _("committed")


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def with_returned(self) -> "ReservationQuerySet":
        """Annotates `returned`: how many units were restocked."""
        return self.annotate(returned=models.Sum("lines__returned"))

    def commit(self, reference: str) -> bool:
        """Commits the hold of `reference`: reservation, lines and stock in one statement. Returns whether it had one.

        Locks the stock rows first, in the common lock order. A hold that ended during the wait is seen as ended, since
        the update rereads the reservation's row.
        """
        require_transaction()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH locked AS MATERIALIZED (
                    SELECT stock.id FROM inventory_stock AS stock
                    WHERE stock.id IN (
                        SELECT line.stock_id FROM inventory_reservationline AS line
                        JOIN inventory_reservation AS reservation ON reservation.id = line.reservation_id
                        WHERE reservation.reference = %(reference)s AND line.held
                    )
                    ORDER BY stock.id FOR UPDATE OF stock
                ), committed AS (
                    UPDATE inventory_reservation SET status = 'committed'
                    WHERE reference = %(reference)s AND status = 'held' AND (SELECT count(*) FROM locked) > 0
                    RETURNING id
                ), taken AS (
                    UPDATE inventory_reservationline AS line SET held = false
                    FROM committed WHERE line.reservation_id = committed.id AND line.held
                    RETURNING line.stock_id, line.quantity
                ), stock AS (
                    UPDATE inventory_stock AS stock
                    SET on_hand = stock.on_hand - taken.quantity, reserved = stock.reserved - taken.quantity
                    FROM taken WHERE stock.id = taken.stock_id
                )
                SELECT 1 FROM committed
                """,
                {"reference": reference},
            )
            return cursor.fetchone() is not None


class Reservation(models.Model):
    """Stock reserved for a reference (an order's number), opaque to the inventory."""

    reference = models.CharField(_("reference"), max_length=64, unique=True)
    status = models.CharField(
        _("status"), max_length=16, choices=ReservationStatus.choices, default=ReservationStatus.HELD
    )
    expires_at = models.DateTimeField(_("held until"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.reference


class ReservationLineQuerySet(models.QuerySet["ReservationLine"]):
    def with_goods(self) -> "ReservationLineQuerySet":
        """With product and warehouse, in the order reserved."""
        return self.select_related("stock__product", "stock__warehouse").order_by("id")

    def held_on(self, stock_id: int) -> "ReservationLineQuerySet":
        """The lines that count in `Stock.reserved`, with their reservations, earliest expiry first."""
        return self.filter(stock=stock_id, held=True).select_related("reservation").order_by("expires_at", "id")

    def expired(self, now: datetime) -> "ReservationLineQuerySet":
        """Expired lines that still count in `Stock.reserved`."""
        return self.filter(held=True, expires_at__lte=now)

    def unpaid(self, now: datetime) -> "ReservationLineQuerySet":
        """Live holds that wait for their shopper to pay."""
        return self.filter(held=True, unpaid=True, expires_at__gt=now)

    def unpaid_units(self, product_ids: Collection[int], now: datetime, besides: Collection[str]) -> dict[int, int]:
        """Units in unpaid holds by product id, without those of the references `besides`. One statement.

        The caller has locked all stock rows of these products.
        """
        of_others = self.unpaid(now).filter(stock__product__in=product_ids).exclude(reservation__reference__in=besides)
        units = of_others.order_by().values("stock__product").annotate(units=models.Sum("quantity"))
        return dict(units.values_list("stock__product", "units"))

    def committed(self, reference: str) -> "list[ReservationLine]":
        """The committed lines of `reference`, with their stock rows (which the caller has locked)."""
        return list(self.filter(reservation__reference=reference, held=False).select_related("stock").order_by("id"))

    def end_holds(self, stock_ids: Collection[int], now: datetime, references: Collection[str] = ()) -> dict[int, int]:
        """Ends the expired holds on these stock rows, and those of `references`, in one statement.

        The caller has locked the stock rows. A reservation that loses one line is released as a whole, since it can no
        longer be committed; its lines on other rows have expired, count as available, and are reclaimed when those rows
        are locked. Returns the units freed by stock id.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH freed AS (
                    DELETE FROM inventory_reservationline
                    WHERE held AND stock_id = ANY(%(stock_ids)s::bigint[])
                    AND (expires_at <= %(now)s OR reservation_id IN (
                        SELECT id FROM inventory_reservation WHERE reference = ANY(%(references)s::text[])
                    ))
                    RETURNING reservation_id, stock_id, quantity
                ), ended AS (
                    -- Two transactions may end the same reservations via different stock rows: same order, no deadlock.
                    SELECT id FROM inventory_reservation
                    WHERE status = 'held' AND id IN (SELECT reservation_id FROM freed)
                    ORDER BY id FOR UPDATE
                ), released AS (
                    UPDATE inventory_reservation SET status = 'released' FROM ended
                    WHERE inventory_reservation.id = ended.id
                )
                UPDATE inventory_stock AS stock SET reserved = stock.reserved - sums.quantity
                FROM (SELECT stock_id, sum(quantity) AS quantity FROM freed GROUP BY stock_id) AS sums
                WHERE stock.id = sums.stock_id
                RETURNING stock.id, sums.quantity
                """,
                {"stock_ids": list(stock_ids), "now": now, "references": list(references)},
            )
            return {stock_id: int(quantity) for stock_id, quantity in cursor.fetchall()}

    def restock(self, quantities: Mapping[int, int]) -> None:
        """Returns committed units to stock: `quantities` by line id. One statement.

        The caller has locked the stock rows.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH back AS (
                    UPDATE inventory_reservationline AS line SET returned = line.returned + change.quantity
                    FROM unnest(%s::bigint[], %s::integer[]) AS change (id, quantity)
                    WHERE line.id = change.id
                    RETURNING line.stock_id, change.quantity
                )
                UPDATE inventory_stock AS stock SET on_hand = stock.on_hand + back.quantity
                FROM back WHERE stock.id = back.stock_id
                """,
                [list(quantities.keys()), list(quantities.values())],
            )


class ReservationLine(models.Model):
    """Units of one stock row. While `held` they count in its `reserved`; a commit takes them off `on_hand` too.

    A line whose hold ends without a commit is deleted. `expires_at` copies the reservation's, so that availability
    needs only the held lines of a stock row, however many were ever committed.
    """

    reservation = models.ForeignKey(
        Reservation, models.CASCADE, verbose_name=_("reservation"), related_name="lines", db_index=False
    )
    stock = models.ForeignKey(
        "inventory.Stock", models.PROTECT, verbose_name=_("stock"), related_name="reservation_lines", db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    returned = models.PositiveIntegerField(_("returned"), default=0)
    held = models.BooleanField(_("held"), default=True)
    unpaid = models.BooleanField(_("waits for the shopper to pay"), default=False, db_default=False)
    expires_at = models.DateTimeField(_("held until"))

    objects = ReservationLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("reserved goods")
        verbose_name_plural = _("reserved goods")
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_line_holds_something"),
            models.CheckConstraint(
                condition=Q(returned__lte=F("quantity")) & (Q(held=False) | Q(returned=0)),
                name="reservation_line_returns_what_left",
            ),
            models.UniqueConstraint(fields=["reservation", "stock"], name="reservation_line_once_a_stock"),
        ]
        indexes = [
            # Stays small: lines leave it when committed or released.
            models.Index(fields=["stock", "expires_at"], name="reservation_line_held", condition=Q(held=True)),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.stock_id}"

    @property
    def out(self) -> int:
        """Units committed and not restocked."""
        return self.quantity - self.returned
