"""Cart and CartLine. Postgres is the source of truth; Redis holds a copy."""

import secrets
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cart.exceptions import CartClosed, CartNotFound, CheckoutInProgress
from config.db.compiled import compiled
from config.db.locks import require_transaction
from config.db.statuses import BUSY, GOOD, QUIET, StatusChoices
from inventory.models import Product
from shipping.addresses import DeliveryFields
from shipping.models import Quote


def new_token() -> str:
    """43 unguessable characters. A bearer token: it alone gives access to a guest's cart."""
    return secrets.token_urlsafe(32)


def next_expiry() -> datetime:
    """When a cart changed now expires."""
    return timezone.now() + timedelta(days=settings.CART_LIFETIME_DAYS)


def _declines_kept() -> timedelta:
    return timedelta(hours=settings.CARD_DECLINES_HOURS)


class CartStatus(StatusChoices):
    OPEN = "open", QUIET, _("open")
    CHECKING_OUT = "checking_out", BUSY, _("being paid for")
    ORDERED = "ordered", GOOD, _("ordered")
    MERGED = "merged", QUIET, _("merged into another cart")


# The cart can still become an order. A user has at most one such cart.
LIVE = [CartStatus.OPEN, CartStatus.CHECKING_OUT]

# Checkout steps a cart can have completed, latest first. Later steps are on the order.
_STEPS = [
    ("delivery", models.Q(quote__isnull=False) & ~models.Q(street="")),
    ("address", ~models.Q(email="", street="")),
]

# By the columns that a shopper fills first in each part of the form.
PERSONAL = ~models.Q(email="", phone="", name="", street="", postal_code="")


class CartQuerySet(models.QuerySet["Cart"]):
    def live(self) -> Self:
        """Carts that can still become an order."""
        return self.filter(status__in=LIVE)

    def personal(self) -> Self:
        """Carts that hold an e-mail, a phone number, a name or an address, if only a postal code."""
        return self.filter(PERSONAL)

    def of_person(self, email: str, user_id: int | None) -> Self:
        """The account's carts, and guests' with this address: a UNION of one index lookup each."""
        found = Cart.objects.personal().filter(user=None, email__iexact=email).order_by().values("pk")
        if user_id is not None:
            found = found.union(Cart.objects.filter(user=user_id).order_by().values("pk"))
        return self.filter(pk__in=found)

    def of_others_with(self, email: str, user_id: int | None) -> Self:
        """Carts of other accounts into which this address was typed."""
        theirs = self.personal().filter(email__iexact=email, user__isnull=False)
        return theirs.exclude(user=user_id) if user_id is not None else theirs

    def abandoned(self, before: datetime) -> Self:
        """Live carts with lines that have not changed since `before`."""
        has_lines = models.Exists(CartLine.objects.filter(cart=models.OuterRef("pk")))
        return self.live().filter(has_lines, updated_at__lt=before)

    def with_value(self) -> Self:
        """Annotates `units`, and `subtotal` at current prices: None without lines in the cart's currency."""
        lines = CartLine.objects.filter(cart=models.OuterRef("pk")).order_by().values("cart")
        price = models.Sum(
            models.F("quantity") * models.F("product__price"),
            output_field=models.DecimalField(max_digits=12, decimal_places=2),
        )
        units = models.Subquery(lines.annotate(units=models.Sum("quantity")).values("units"))
        of_currency = lines.filter(product__currency=models.OuterRef("currency"))
        return self.annotate(
            units=Coalesce(units, 0), subtotal=models.Subquery(of_currency.annotate(price=price).values("price"))
        )

    def with_step(self) -> Self:
        """Annotates `step`, the last one reached: goods, address or delivery."""
        reached = [models.When(condition, then=models.Value(step)) for step, condition in _STEPS]
        return self.annotate(step=models.Case(*reached, default=models.Value("goods")))

    def at_step(self, step: str) -> Self:
        """Carts that have reached this step and no later one."""
        found = self
        for further, condition in _STEPS:
            if further == step:
                return found.filter(condition)
            found = found.exclude(condition)
        return found

    def with_quote(self) -> Self:
        return self.select_related("quote")

    def with_user(self) -> Self:
        return self.select_related("user")

    def with_lines(self) -> Self:
        """With quote, lines and their products: three statements, whatever the number of lines."""
        return self.with_quote().prefetch_related(
            models.Prefetch("lines", CartLine.objects.select_related("product__category").order_by("position", "id"))
        )


_Carts = models.Manager.from_queryset(CartQuerySet)


class CartManager(_Carts["Cart"]):
    def fetch(self, token: str, user_id: int | None) -> "Cart":
        """The cart with this token, with its quote. Raises CartNotFound, also for another user's cart."""
        return opened(carts_by_token.first(token), user_id)

    def fetch_locked(self, token: str, user_id: int | None) -> "Cart":
        """Like `fetch`, but locks the cart's row until the transaction ends."""
        require_transaction()
        return opened(locked_carts_by_token.first(token), user_id)


def opened(cart: "Cart | None", user_id: int | None) -> "Cart":
    """The cart, if there is one and it opens to this user. Raises CartNotFound."""
    if cart is None or not cart.opens_to(user_id):
        raise CartNotFound
    return cart


class Cart(DeliveryFields):
    """`token` is the cart's public id; `version` grows with every visible change."""

    token = models.CharField(max_length=43, unique=True, default=new_token, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="carts", verbose_name=_("user")
    )
    status = models.CharField(_("status"), max_length=12, choices=CartStatus, default=CartStatus.OPEN)
    version = models.PositiveIntegerField(_("version"), default=1)
    currency = models.CharField(_("currency"), max_length=3, default="BRL")
    quote = models.ForeignKey(
        Quote, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("shipping quote")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    expires_at = models.DateTimeField(_("expires at"), default=next_expiry)
    card_declines = models.PositiveSmallIntegerField(_("declined cards"), default=0, db_default=0, editable=False)
    card_declined_at = models.DateTimeField(_("last declined card"), null=True, blank=True, editable=False)

    declines_of_person: int  # annotated by the checkout

    objects = CartManager()

    class Meta:
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=CartStatus.values), name="cart_status_is_known"),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(status__in=LIVE),
                name="cart_one_live_cart_per_user",
            ),
        ]
        indexes = [
            models.Index(fields=["-updated_at"], name="cart_by_update"),
            # For retention: what a round has dealt with leaves the index.
            models.Index(fields=["updated_at"], condition=PERSONAL, name="cart_personal"),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(status__in=[CartStatus.OPEN, CartStatus.MERGED]),
                name="cart_unordered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    def opens_to(self, user_id: int | None) -> bool:
        """A guest's cart is open to anyone with its token; a user's cart only to that user."""
        return self.user_id in (None, user_id)

    def count_card_decline(self, now: datetime) -> None:
        """Count a declined card, in memory. Declines are forgotten together, some time after the last one."""
        forgotten = self.card_declined_at is None or self.card_declined_at + _declines_kept() <= now
        self.card_declines = 1 if forgotten else self.card_declines + 1
        self.card_declined_at = now

    @property
    def cards_closed_until(self) -> datetime | None:
        """Until when this cart cannot be paid by card, after too many declines; may be past. None if it can."""
        if self.card_declined_at is None or self.card_declines < settings.CARD_DECLINES_PER_CART:
            return None
        return self.card_declined_at + _declines_kept()

    def require_open(self) -> None:
        """Raise CheckoutInProgress or CartClosed unless the cart can be changed."""
        if self.status == CartStatus.CHECKING_OUT:
            raise CheckoutInProgress
        if self.status != CartStatus.OPEN:
            raise CartClosed


class CartLineManager(models.Manager["CartLine"]):
    def of(self, cart: Cart) -> "list[CartLine]":
        """The cart's lines in their order. One statement."""
        return self._of(cart, lines_of_cart(cart.pk))

    def of_with_products(self, cart: Cart) -> "list[CartLine]":
        """The same with their products. One statement."""
        return self._of(cart, lines_of_cart_with_products(cart.pk))

    @staticmethod
    def _of(cart: Cart, lines: "list[CartLine]") -> "list[CartLine]":
        for line in lines:
            line.cart = cart
        return lines


class CartLine(models.Model):
    """A product and its quantity. The price is the product's, read whenever it matters."""

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="lines", verbose_name=_("cart"), db_index=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="+", verbose_name=_("product"))
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = CartLineManager()

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["cart", "product"], name="cart_line_once_per_product"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="cart_line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"


@compiled
def carts_by_token(token: str) -> CartQuerySet:
    return Cart.objects.with_quote().filter(token=token)


@compiled
def locked_carts_by_token(token: str) -> CartQuerySet:
    return Cart.objects.with_quote().filter(token=token).select_for_update(of=("self",))


@compiled
def lines_of_cart(cart_id: int) -> models.QuerySet[CartLine]:
    return CartLine.objects.filter(cart=cart_id)


@compiled
def lines_of_cart_with_products(cart_id: int) -> models.QuerySet[CartLine]:
    return CartLine.objects.filter(cart=cart_id).select_related("product")
