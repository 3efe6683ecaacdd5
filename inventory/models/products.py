"""Products and categories, and their search."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import FileExtensionValidator, MinValueValidator
from django.db import IntegrityError, connection, models
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from psycopg.errors import ForeignKeyViolation

from config.db.locks import require_transaction
from config.form_fields import check_currency
from config.money import CURRENCIES
from inventory import pictures
from inventory.exceptions import CurrencyFixed
from inventory.models.stock import Stock
from inventory.search_text import query_words, searchable


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
        """Products with every word of `text` in their SKU, name or category, ignoring case and accents.

        A word of one or two letters matches only the start of a word, since the trigram index needs three characters.
        Blank text matches everything; text of punctuation alone matches nothing.
        """
        words = query_words(text)
        if not words:
            return self.none() if text.strip() else self
        found = self
        for word in words:
            found = found.filter(search_text__contains=word if len(word) > 2 else f" {word}")
        return found

    def locked(self) -> "list[Product]":
        """These products, locked until the transaction ends, by ascending id. One statement.

        Orders of them go on meanwhile: they only need that id and currency stay. Requires a transaction.
        """
        require_transaction()
        return list(self.select_for_update(of=("self",), no_key=True).order_by("pk"))

    def with_available(self, now: datetime | None = None) -> "ProductQuerySet":
        """Annotates `available_quantity`, summed over active warehouses. Expired holds count as available."""
        stocks = Stock.objects.sellable().with_free(now).filter(product=models.OuterRef("pk")).order_by()
        total = stocks.values("product").annotate(total=Sum("free")).values("total")
        return self.annotate(available_quantity=Coalesce(models.Subquery(total), Value(0)))

    def available(self, product_ids: Collection[int], now: datetime) -> dict[int, int]:
        """`available_quantity` by product id; unknown ids are left out.

        Raw SQL: it runs at every step of the checkout, and compiling it takes Django longer than PostgreSQL takes to
        run it.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT product.id, COALESCE(SUM(stock.on_hand - stock.reserved + COALESCE(expired.quantity, 0)), 0)
                FROM inventory_product AS product
                LEFT JOIN (
                    inventory_stock AS stock
                    JOIN inventory_warehouse AS warehouse ON warehouse.id = stock.warehouse_id AND warehouse.active
                ) ON stock.product_id = product.id
                LEFT JOIN LATERAL (
                    SELECT SUM(line.quantity) AS quantity FROM inventory_reservationline AS line
                    WHERE line.stock_id = stock.id AND line.held AND line.expires_at <= %s
                ) AS expired ON TRUE
                WHERE product.id = ANY(%s)
                GROUP BY product.id
                """,
                [now, list(product_ids)],
            )
            return {product_id: int(free) for product_id, free in cursor.fetchall()}


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
    currency = models.CharField(
        _("currency"), max_length=3, default=settings.DEFAULT_CURRENCY, validators=[check_currency]
    )
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
            models.CheckConstraint(condition=Q(currency__in=CURRENCIES), name="product_currency_is_known"),
            models.CheckConstraint(
                condition=Q(weight_grams__gt=0, length_cm__gt=0, width_cm__gt=0, height_cm__gt=0),
                name="product_has_a_size",
            ),
            # What was sold refers to both, and so keeps the currency.
            models.UniqueConstraint("id", "currency", name="product_with_currency"),
        ]
        indexes = [
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="product_search"),
            models.Index(fields=["-id"], name="product_for_sale", condition=Q(active=True)),
            # Also serves the foreign key, which has no index of its own.
            models.Index(fields=["category", "-id"], name="product_by_category"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        """Keeps `search_text` up to date. Bulk writers must call `refresh_search_text` themselves.

        Raises CurrencyFixed if the currency changes of a product that was sold.
        """
        self.refresh_search_text()
        fields = kwargs.get("update_fields")
        if isinstance(fields, Iterable):
            kwargs["update_fields"] = {*fields, "search_text"}
        try:
            super().save(*args, **kwargs)  # type: ignore[arg-type]
        except IntegrityError as error:
            if isinstance(error.__cause__, ForeignKeyViolation):  # those of this table are checked at the commit
                raise CurrencyFixed from error
            raise

    def refresh_search_text(self) -> None:
        self.search_text = searchable(self.sku, self.name, self.category.name if self.category else "")

    @property
    def picture_url(self) -> str:
        """URL of the photograph, or of a drawing determined by category and SKU. Needs `with_category`."""
        if self.image:
            return self.image.url
        return pictures.url(self.category.slug if self.category else "", self.sku)
