"""Warehouses and their stock."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from psycopg.types.numeric import Int4, Int8

from config.db.compiled import compiled, instance_of
from config.db.locks import require_transaction
from inventory.models import holding
from inventory.models.holding import UnpaidBound
from inventory.models.reservations import Reservation, ReservationLine, ReservationStatus


class WarehouseQuerySet(models.QuerySet["Warehouse"]):
    def by_priority(self) -> "WarehouseQuerySet":
        return self.filter(active=True).order_by("priority", "id")


class Warehouse(models.Model):
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100)
    postal_code = models.CharField(_("CEP"), max_length=8, validators=[RegexValidator(r"^\d{8}$", _("Eight digits."))])
    # The sender's address on labels.
    street = models.CharField(_("street"), max_length=120, blank=True, default="", db_default="")
    street_number = models.CharField(_("number"), max_length=20, blank=True, default="", db_default="")
    complement = models.CharField(_("complement"), max_length=80, blank=True, default="", db_default="")
    district = models.CharField(_("district"), max_length=80, blank=True, default="", db_default="")
    city = models.CharField(_("city"), max_length=80, blank=True, default="", db_default="")
    state = models.CharField(_("state"), max_length=2, blank=True, default="", db_default="")
    active = models.BooleanField(_("active"), default=True)
    priority = models.PositiveIntegerField(
        _("priority"), default=0, help_text=_("Goods leave the lowest number first.")
    )

    objects = WarehouseQuerySet.as_manager()

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ["priority", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(postal_code__regex=r"^\d{8}$"), name="warehouse_postal_code_eight_digits"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_address(self) -> bool:
        """Whether a label can name it as the sender."""
        return all((self.street, self.street_number, self.city, self.state))


class StockChange(NamedTuple):
    """Deltas to a stock row."""

    stock_id: int
    on_hand: int = 0
    reserved: int = 0


class Hold(NamedTuple):
    """The reservation, and what is free now by product id, without those of which expired holds count as free; or None,
    and the stock rows that are locked now."""

    reservation: Reservation | None
    free: dict[int, int]
    stocks: "list[Stock]"


class StockQuerySet(models.QuerySet["Stock"]):
    def sellable(self) -> "StockQuerySet":
        return self.filter(warehouse__active=True)

    def with_free(self, now: datetime | None = None) -> "StockQuerySet":
        """Annotates `free`: on hand minus live holds. Expired holds count as free."""
        expired = (
            ReservationLine.objects.expired(now or timezone.now())
            .filter(stock=models.OuterRef("pk"))
            .order_by()
            .values("stock")
            .annotate(total=Sum("quantity"))
            .values("total")
        )
        return self.annotate(free=F("on_hand") - F("reserved") + Coalesce(models.Subquery(expired), Value(0)))

    def elsewhere(self, stock: "Stock") -> "StockQuerySet":
        """Stock of the same product in other warehouses, annotated with `free`, in order of priority."""
        others = self.with_free().filter(product=stock.product_id).exclude(pk=stock.pk)
        return others.select_related("warehouse").order_by("warehouse__priority", "id")

    def locked(self, *, skip_locked: bool = False) -> "list[Stock]":
        """These rows, locked until the transaction ends, in the common lock order. One statement.

        Returns a list, so that the rows are locked now, not when someone iterates.
        `skip_locked` leaves out rows locked by others.
        Raises LockOutsideTransaction if no transaction is open.
        """
        require_transaction()
        rows = self.select_related("warehouse").order_by("id")
        rows = rows.select_for_update(of=("self",), skip_locked=skip_locked)
        return list(rows)

    def lock_of_products_and_references(
        self, product_ids: Collection[int], references: Collection[str]
    ) -> "list[Stock]":
        """All stock rows of these products, and those with lines of these reservations, as `locked` locks them."""
        require_transaction()
        return locked_stock_of_products_and_references(list(product_ids), list(references))

    def hold(
        self,
        reference: str,
        demand: Mapping[int, int],
        since: datetime,
        expires_at: datetime,
        *,
        unpaid: bool = False,
        bound: UnpaidBound | None = None,
        reuse: bool = False,
    ) -> Hold:
        """Locks the stock rows of `demand` (product id → quantity) and those of `reference`, as `locked` locks them;
        takes what is free, the first warehouse first; writes reservation, lines and stock. One statement.

        `unpaid`: the hold waits for its shopper to pay. `reuse`: a released reservation may be used again; the caller
        has locked these rows before. Makes no reservation and changes nothing if not all is free, if so much is
        reserved that unpaid holds might exceed `bound`, or if `reference` is in use.
        """
        require_transaction()
        with connection.cursor() as cursor:
            cursor.execute(
                holding.SQL,
                {
                    "products": [Int8(product_id) for product_id in demand],
                    "quantities": [Int4(quantity) for quantity in demand.values()],
                    "reference": reference,
                    "since": since,
                    "expires_at": expires_at,
                    "unpaid": unpaid,
                    "reuse": reuse,
                    "share": bound.share if bound else None,
                    "at_least": bound.at_least if bound else None,
                },
            )
            rows = cursor.fetchall()
        if not rows or rows[0][0] is None:
            return Hold(None, {}, [_locked_row(row[3:]) for row in rows])
        key, created_at, *_locked = rows[0]
        made = (key, reference, ReservationStatus.HELD, expires_at, created_at)
        return Hold(
            instance_of(Reservation, connection.alias, ("id", "reference", "status", "expires_at", "created_at"), made),
            _left_of(rows, demand),
            [],
        )

    def of_products_reserved_for(self, reference: str) -> "StockQuerySet":
        """All stock rows of the products in this reservation."""
        products = ReservationLine.objects.filter(reservation__reference=reference).values("stock__product")
        return self.filter(product__in=products)

    def change(self, changes: Collection[StockChange]) -> None:
        """Applies `changes` in one statement. The caller has locked the rows."""
        if not changes:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE inventory_stock AS stock
                SET on_hand = stock.on_hand + change.on_hand, reserved = stock.reserved + change.reserved
                FROM unnest(%s::bigint[], %s::integer[], %s::integer[]) AS change (id, on_hand, reserved)
                WHERE stock.id = change.id
                """,
                [list(column) for column in zip(*changes, strict=True)],
            )


def _left_of(rows: list[tuple[Any, ...]], demand: Mapping[int, int]) -> dict[int, int]:
    """What `hold` has left free of each product in `demand`, without those of which expired holds count as free."""
    left = {product_id: -quantity for product_id, quantity in demand.items()}
    for _key, _created_at, has_expired, _id, product_id, _warehouse_id, on_hand, reserved, is_active, _priority in rows:
        if has_expired:
            left.pop(product_id, None)
        elif is_active and product_id in left:
            left[product_id] += on_hand - reserved
    return left


def _locked_row(row: tuple[Any, ...]) -> "Stock":
    """A row that `hold` has locked. Of its warehouse it knows what `inventory.allocation` looks at."""
    alias, warehouse_id = connection.alias, row[2]
    stock = instance_of(Stock, alias, ("id", "product_id", "warehouse_id", "on_hand", "reserved"), row[:5])
    stock.warehouse = instance_of(Warehouse, alias, ("id", "active", "priority"), (warehouse_id, *row[5:]))
    return stock


class Stock(models.Model):
    """Units of a product in a warehouse (`on_hand`), and how many of them are held (`reserved`)."""

    product = models.ForeignKey(
        "inventory.Product", models.CASCADE, verbose_name=_("product"), related_name="stocks", db_index=False
    )
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="stocks")
    on_hand = models.PositiveIntegerField(_("on hand"), default=0)
    reserved = models.PositiveIntegerField(_("reserved"), default=0, editable=False)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stock")
        permissions = [
            ("adjust_stock", "Can say how many there are"),
            ("export_stock", "Can export the stock"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("on_hand")), name="stock_reserved_within_on_hand"
            ),
            models.UniqueConstraint(fields=["product", "warehouse"], name="stock_once_a_product_and_warehouse"),
        ]

    def __str__(self) -> str:
        return f"{self.product} ({self.warehouse})"


@compiled
def locked_stock_of_products_and_references(product_ids: list[int], references: list[str]) -> StockQuerySet:
    # A UNION of two index lookups; an OR with a subquery would scan the whole table.
    of_products = Stock.objects.filter(product__any=product_ids).order_by().values("id")
    of_references = ReservationLine.objects.filter(reservation__reference__any=references).values("stock_id")
    both = Stock.objects.filter(id__in=of_products.union(of_references))
    return both.select_related("warehouse").order_by("id").select_for_update(of=("self",))
