"""What exists, and how many of it: products, the places they lie in, and the holds on them.

Locking order, everywhere: stock rows by ascending id first, then reservation rows by ascending id. Whoever holds the
lock of one stock row of a reservation keeps everybody else from committing or releasing that reservation.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import FileExtensionValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.locks import require_transaction
from inventory import pictures
from inventory.exceptions import ReservationClosed
from inventory.words import query_words, searchable


class Category(models.Model):
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address"), max_length=100, unique=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def active(self) -> "ProductQuerySet":
        return self.filter(active=True)

    def with_category(self) -> "ProductQuerySet":
        return self.select_related("category")

    def search(self, text: str) -> "ProductQuerySet":
        """Products that hold every word of `text` in their sku, name or category; case and accents do not matter.

        A word of one or two letters has to begin a word: only so can the trigram index find it.
        A blank text finds everything, one of nothing but signs finds nothing.
        """
        words = query_words(text)
        if not words:
            return self.none() if text.strip() else self
        found = self
        for word in words:
            found = found.filter(search_text__contains=word if len(word) > 2 else f" {word}")
        return found

    def with_available(self, now: datetime | None = None) -> "ProductQuerySet":
        """Annotates `available_quantity`: what can be had in all active warehouses. Only live holds count."""
        stocks = Stock.objects.sellable().with_free(now).filter(product=models.OuterRef("pk")).order_by()
        total = stocks.values("product").annotate(total=Sum("free")).values("total")
        return self.annotate(available_quantity=Coalesce(models.Subquery(total), Value(0)))


class Product(models.Model):
    sku = models.CharField(_("SKU"), max_length=64, unique=True)
    slug = models.SlugField(_("address"), max_length=220, unique=True)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        verbose_name=_("category"),
        related_name="products",
        null=True,
        blank=True,
        db_index=False,
    )
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(_("currency"), max_length=3, default=settings.DEFAULT_CURRENCY)
    weight_grams = models.PositiveIntegerField(_("weight in grams"), validators=[MinValueValidator(1)])
    length_cm = models.PositiveIntegerField(_("length in cm"), validators=[MinValueValidator(1)])
    width_cm = models.PositiveIntegerField(_("width in cm"), validators=[MinValueValidator(1)])
    height_cm = models.PositiveIntegerField(_("height in cm"), validators=[MinValueValidator(1)])
    image = models.FileField(
        _("photograph"),
        upload_to="products/",
        blank=True,
        validators=[FileExtensionValidator(["avif", "jpeg", "jpg", "png", "webp"])],
        help_text=_("Without one, the shop draws a picture."),
    )
    search_text = models.TextField(editable=False, default="")
    active = models.BooleanField(_("for sale"), default=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(weight_grams__gt=0, length_cm__gt=0, width_cm__gt=0, height_cm__gt=0),
                name="product_has_a_size",
            ),
        ]
        indexes = [
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="product_search"),
            models.Index(fields=["-id"], name="product_for_sale", condition=Q(active=True)),
            # Also serves the foreign key, whose own index is left out.
            models.Index(fields=["category", "-id"], name="product_by_category"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        """Keeps `search_text` in step. Bulk writers call `refresh_search_text` themselves."""
        self.refresh_search_text()
        fields = kwargs.get("update_fields")
        if isinstance(fields, Iterable):
            kwargs["update_fields"] = {*fields, "search_text"}
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def refresh_search_text(self) -> None:
        self.search_text = searchable(self.sku, self.name, self.category.name if self.category else "")

    @property
    def picture_url(self) -> str:
        """The photograph, or else a drawing that depends on category and sku alone. Needs `with_category`."""
        if self.image:
            return self.image.url
        return pictures.url(self.category.slug if self.category else "", self.sku)


class WarehouseQuerySet(models.QuerySet["Warehouse"]):
    def by_priority(self) -> "WarehouseQuerySet":
        return self.filter(active=True).order_by("priority", "id")


class Warehouse(models.Model):
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100)
    postal_code = models.CharField(_("CEP"), max_length=8, validators=[RegexValidator(r"^\d{8}$", _("Eight digits."))])
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


class StockChange(NamedTuple):
    """By how much a stock row's numbers change."""

    stock_id: int
    on_hand: int = 0
    reserved: int = 0


class StockQuerySet(models.QuerySet["Stock"]):
    def sellable(self) -> "StockQuerySet":
        return self.filter(warehouse__active=True)

    def with_free(self, now: datetime | None = None) -> "StockQuerySet":
        """Annotates `free`: on hand and not held by a live reservation. Expired holds count as free."""
        expired = (
            ReservationLine.objects.expired(now or timezone.now())
            .filter(stock=models.OuterRef("pk"))
            .order_by()
            .values("stock")
            .annotate(total=Sum("quantity"))
            .values("total")
        )
        return self.annotate(free=F("on_hand") - F("reserved") + Coalesce(models.Subquery(expired), Value(0)))

    def locked(self, *, skip_locked: bool = False) -> "list[Stock]":
        """These rows, locked until the transaction ends, in the order in which everybody locks them; one statement.

        Evaluated at once: a lock that is taken when somebody happens to iterate is no lock.
        `skip_locked` leaves out rows that others hold.
        Raises LockOutsideTransaction where no transaction is open.
        """
        require_transaction()
        rows = self.select_related("warehouse").order_by("id")
        rows = rows.select_for_update(of=("self",), skip_locked=skip_locked)
        return list(rows)

    def of_products_and_references(self, product_ids: Collection[int], references: Collection[str]) -> "StockQuerySet":
        """Every stock row of these products, and those that these reservations hold."""
        # Two indexed look-ups united; an OR over a sub-select would read the whole table.
        of_products = Stock.objects.filter(product__in=product_ids).order_by().values("id")
        of_references = ReservationLine.objects.filter(reservation__reference__in=references).values("stock_id")
        return self.filter(id__in=of_products.union(of_references))

    def change(self, changes: Collection[StockChange]) -> None:
        """Adds `changes` to the rows' numbers: one statement for any number of rows, which the caller has locked."""
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


class Stock(models.Model):
    """How many of a product lie in a warehouse (`on_hand`), and how many of these are promised (`reserved`)."""

    product = models.ForeignKey(
        Product, models.CASCADE, verbose_name=_("product"), related_name="stocks", db_index=False
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


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def hold(self, reference: str, picks: Mapping[int, int], expires_at: datetime) -> "Reservation | None":
        """Holds `picks` (stock id → quantity) under `reference`: reservation, lines and stock in one statement.

        The reservation is new, or one that had ended. Returns None, having changed nothing, where `reference` holds
        goods still. Raises ReservationClosed where it was committed. The caller has locked the stock rows.
        """
        reservation = Reservation(reference=reference, expires_at=expires_at, created_at=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH picked AS (
                    SELECT *
                    FROM unnest(%(stock_ids)s::bigint[], %(quantities)s::integer[]) AS pick (stock_id, quantity)
                ), held AS (
                    INSERT INTO inventory_reservation AS reservation (reference, status, expires_at, created_at)
                    VALUES (%(reference)s, 'held', %(expires_at)s, %(created_at)s)
                    ON CONFLICT (reference) DO UPDATE SET status = 'held', expires_at = excluded.expires_at
                    WHERE reservation.status = 'released' AND NOT EXISTS (
                        -- What an expired hold left on rows that nobody has locked since.
                        SELECT 1 FROM inventory_reservationline AS line
                        WHERE line.reservation_id = reservation.id AND line.held
                    )
                    RETURNING id, created_at
                ), lines AS (
                    INSERT INTO inventory_reservationline
                        (reservation_id, stock_id, quantity, returned, held, expires_at)
                    SELECT held.id, picked.stock_id, picked.quantity, 0, true, %(expires_at)s FROM held, picked
                ), stock AS (
                    UPDATE inventory_stock AS stock SET reserved = stock.reserved + picked.quantity
                    FROM held, picked WHERE stock.id = picked.stock_id
                )
                SELECT id, created_at FROM held
                """,
                {
                    "stock_ids": list(picks.keys()),
                    "quantities": list(picks.values()),
                    "reference": reference,
                    "expires_at": expires_at,
                    "created_at": reservation.created_at,
                },
            )
            row = cursor.fetchone()
        if row is None:
            if self.filter(reference=reference, status=Reservation.Status.COMMITTED).exists():
                raise ReservationClosed
            return None
        reservation.id, reservation.created_at = row
        reservation._state.adding = False
        reservation._state.db = connection.alias
        return reservation

    def commit(self, reference: str) -> bool:
        """Sells what `reference` holds: reservation, lines and stock in one statement. Whether it held anything.

        Locks the stock rows first, in the order in which everybody locks them. A hold that was ended while this waited
        for them is seen as ended: the update of the reservation looks at its row anew.
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
                ), sold AS (
                    UPDATE inventory_reservation SET status = 'committed'
                    WHERE reference = %(reference)s AND status = 'held' AND (SELECT count(*) FROM locked) > 0
                    RETURNING id
                ), taken AS (
                    UPDATE inventory_reservationline AS line SET held = false
                    FROM sold WHERE line.reservation_id = sold.id AND line.held
                    RETURNING line.stock_id, line.quantity
                ), stock AS (
                    UPDATE inventory_stock AS stock
                    SET on_hand = stock.on_hand - taken.quantity, reserved = stock.reserved - taken.quantity
                    FROM taken WHERE stock.id = taken.stock_id
                )
                SELECT 1 FROM sold
                """,
                {"reference": reference},
            )
            return cursor.fetchone() is not None


class Reservation(models.Model):
    """Goods held for a reference that the inventory does not interpret (an order's number)."""

    class Status(models.TextChoices):
        HELD = "held", _("held")
        RELEASED = "released", _("released")
        COMMITTED = "committed", _("committed")

    reference = models.CharField(_("reference"), max_length=64, unique=True)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.HELD)
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
    def expired(self, now: datetime) -> "ReservationLineQuerySet":
        """Lines that still count in `Stock.reserved` although their time is over."""
        return self.filter(held=True, expires_at__lte=now)

    def sold(self, reference: str) -> "list[ReservationLine]":
        """The committed lines of `reference`, with their stock rows (which the caller has locked)."""
        return list(self.filter(reservation__reference=reference, held=False).select_related("stock").order_by("id"))

    def free_on(self, stock_ids: Collection[int], now: datetime, references: Collection[str] = ()) -> dict[int, int]:
        """Ends the expired holds on these stock rows, and those of `references`: all that is written, in one statement.

        The caller has locked the stock rows. A reservation that lost one line is released as a whole, since it can no
        longer be sold; its lines on other rows are expired and free, and are reclaimed when those rows are locked.
        Returns how many units became free, by stock row.
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
                    -- Two transactions may end the same reservations by different stock rows: same order, no deadlock.
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

    def put_back(self, quantities: Mapping[int, int]) -> None:
        """Committed goods of these lines come back on hand: `quantities` by line id. One statement.

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
    """Units of one stock row. While `held` they count in its `reserved`; once committed they are gone from it.

    A line whose hold ends without a sale is deleted. `expires_at` repeats the reservation's, so that what is free
    can be told from the held lines of a stock row alone, however many were ever sold from it.
    """

    reservation = models.ForeignKey(
        Reservation, models.CASCADE, verbose_name=_("reservation"), related_name="lines", db_index=False
    )
    stock = models.ForeignKey(
        Stock, models.PROTECT, verbose_name=_("stock"), related_name="reservation_lines", db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    returned = models.PositiveIntegerField(_("returned"), default=0)
    held = models.BooleanField(_("held"), default=True)
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
            # Small for ever: lines leave it when they are sold or released.
            models.Index(fields=["stock", "expires_at"], name="reservation_line_held", condition=Q(held=True)),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.stock_id}"

    @property
    def out(self) -> int:
        """How many units are sold and did not come back."""
        return self.quantity - self.returned
