"""Order and its lines."""

import secrets
from datetime import datetime
from typing import Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models
from django.db.models.functions import Upper
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cart.models import Cart, CartStatus, new_token
from checkout.exceptions import OrderNotFound
from checkout.models.outbox import MessageKind, OutboxMessage
from config.db.locks import require_transaction
from config.db.statuses import BUSY, GOOD, QUIET, StatusChoices
from inventory.models import Product
from payments.models import Payment, PaymentAttempt, Refund
from shipping.addresses import DeliveryFields
from shipping.models import Quote

# Crockford's base 32: no letter that can be taken for a digit when read aloud.
_NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """Ten characters that tell no one how many orders there are."""
    return "".join(secrets.choice(_NUMBER_ALPHABET) for _ in range(10))


class OrderStatus(StatusChoices):
    AWAITING_PAYMENT = "awaiting_payment", BUSY, _("awaiting payment")
    PAID = "paid", GOOD, _("paid")
    SHIPPED = "shipped", GOOD, _("shipped")
    DELIVERED = "delivered", GOOD, _("delivered")
    CANCELLED = "cancelled", QUIET, _("cancelled")
    REFUNDED = "refunded", QUIET, _("refunded")

    @property
    def shopper_label(self) -> str:
        """The word on the shopper's pages, where `label` is the staff's."""
        match self:
            case OrderStatus.AWAITING_PAYMENT:
                return gettext("Awaiting payment")
            case OrderStatus.PAID:
                return gettext("Paid")
            case OrderStatus.SHIPPED:
                return gettext("On its way")
            case OrderStatus.DELIVERED:
                return gettext("Delivered")
            case OrderStatus.CANCELLED:
                return gettext("Cancelled")
            case OrderStatus.REFUNDED:
                return gettext("Refunded")


# The statuses in which an order stands for its cart: a cart has at most one such order.
LIVE = [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
# Those in which it can be called off, and those in which it was paid and has not all been paid back.
CANCELLABLE = [OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID]
REFUNDABLE = [OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]


class OrderQuerySet(models.QuerySet["Order"]):
    def with_payment(self) -> Self:
        return self.select_related("payment").prefetch_related("payment__attempts")

    def with_goods(self) -> Self:
        """With its lines and how they travel, as a mail shows them: two statements for any number of lines."""
        return self.select_related("quote").with_lines()

    def with_lines(self) -> Self:
        return self.prefetch_related("lines")

    def with_everything(self) -> Self:
        """With all that an order's page or document shows: three statements for any number of lines."""
        return self.with_payment().with_goods()

    def of_user(self, user_id: int) -> Self:
        return self.filter(user_id=user_id).order_by("-placed_at")

    def with_history(self) -> Self:
        """With everything, and who bought, refunds and messages: what staff see of an order. Five statements."""
        return (
            self.with_everything()
            .select_related("user", "cart")
            .prefetch_related(
                models.Prefetch("payment__refunds", Refund.objects.order_by("created_at", "pk")),
                models.Prefetch("messages", OutboxMessage.objects.order_by("created_at", "pk")),
            )
        )

    def awaiting_payment(self) -> Self:
        return self.filter(status=OrderStatus.AWAITING_PAYMENT)

    def to_ship(self) -> Self:
        return self.filter(status=OrderStatus.PAID)

    def search(self, text: str) -> Self:
        """Orders by number, e-mail, name, CEP, SKU of a line, or the provider's reference; all for an empty text.

        No join, so no duplicates: each way to find one is a look-up of its own in an index, and these are united, since
        an OR would read every order.
        """
        text = text.strip()
        if not text:
            return self
        digits = text.replace("-", "").replace(".", "").replace(" ", "")
        found = Order.objects.order_by()
        attempts = PaymentAttempt.objects.filter(provider_reference=text).order_by()
        refunds = Refund.objects.filter(provider_reference=text).order_by()
        ways = [
            found.filter(email__icontains=text),
            found.filter(name__icontains=text),
            found.filter(postal_code=digits or text),
            found.filter(payment__in=attempts.values("payment")),
            found.filter(payment__in=refunds.values("payment")),
        ]
        of_lines = OrderLine.objects.filter(sku__iexact=text).order_by().values("order")
        by_number = found.filter(number__startswith=text.upper())
        return self.filter(pk__in=by_number.values("pk").union(of_lines, *(way.values("pk") for way in ways)))

    def find(self, number: str, email: str) -> "Order | None":
        """The order of this number that was made with this e-mail."""
        return self.filter(number=number, email__iexact=email).first()

    def latest_since(self, since: datetime, *, cart_token: str = "", user_id: int | None = None) -> "Order | None":
        """The newest order placed after `since` by this user, or of this cart."""
        recent = self.filter(placed_at__gt=since).order_by("-placed_at")
        if user_id is not None:
            return recent.filter(user=user_id).first()
        return recent.filter(cart__token=cart_token).first() if cart_token else None

    def given_up(self, since: datetime) -> Self:
        """Orders that were begun after `since` and not paid, and whose cart can still become another one."""
        return self.filter(status=OrderStatus.CANCELLED, placed_at__gte=since, cart__status=CartStatus.OPEN)

    def fetch(self, number: str, *, token: str = "", user_id: int | None = None) -> "Order":
        """An order for whoever holds its token or owns it, with everything: three statements.

        Raises OrderNotFound for everyone else.
        """
        order = self.with_everything().filter(number=number.upper()).first()
        if order is None or not order.opens_to(token, user_id):
            raise OrderNotFound
        return order

    def locked(self) -> Self:
        """Locks the orders' rows, in the order of their ids, until the transaction ends."""
        require_transaction()
        return self.select_for_update(of=("self",)).order_by("pk")

    def fetch_locked_by_attempt(self, attempt_id: UUID) -> "Order":
        """The order that a payment attempt belongs to, with its cart, both locked until the transaction ends."""
        require_transaction()
        return self.select_related("cart").select_for_update(of=("cart", "self")).get(payment__attempts=attempt_id)

    def pay(self, order: "Order", now: datetime) -> None:
        """Write a locked order as paid, and what must be sent because of it, in one statement."""
        require_transaction()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH paid AS (
                    UPDATE checkout_order SET status = %(status)s, paid_at = %(now)s WHERE id = %(order)s RETURNING id
                )
                INSERT INTO checkout_outboxmessage (order_id, kind, created_at, due_at, tries, last_error)
                SELECT paid.id, %(kind)s, %(now)s, %(now)s, 0, '' FROM paid
                """,
                {"status": OrderStatus.PAID, "now": now, "order": order.pk, "kind": MessageKind.CONFIRMATION},
            )
        order.status, order.paid_at = OrderStatus.PAID, now

    def fetch_awaiting(self, cart_token: str, user_id: int | None) -> "Order | None":
        """The order of a cart whose payment is not settled, with its attempts."""
        order = self.awaiting_payment().with_payment().select_related("cart").filter(cart__token=cart_token).first()
        return order if order and order.cart.opens_to(user_id) else None


class Order(DeliveryFields):
    """What was agreed: lines, freight and total do not change once the order exists."""

    number = models.CharField(_("order number"), max_length=10, unique=True, default=new_number, editable=False)
    token = models.CharField(max_length=43, default=new_token, editable=False)
    cart = models.ForeignKey(Cart, models.PROTECT, related_name="orders", verbose_name=_("cart"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="orders", verbose_name=_("user")
    )
    status = models.CharField(_("status"), max_length=16, choices=OrderStatus, default=OrderStatus.AWAITING_PAYMENT)
    currency = models.CharField(_("currency"), max_length=3)
    language = models.CharField(_("language"), max_length=10)
    quote = models.ForeignKey(Quote, models.PROTECT, related_name="+", verbose_name=_("shipping quote"))
    subtotal = models.DecimalField(_("subtotal"), max_digits=12, decimal_places=2)
    shipping_total = models.DecimalField(_("delivery"), max_digits=10, decimal_places=2)
    total = models.DecimalField(_("total"), max_digits=12, decimal_places=2)
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="+", verbose_name=_("payment"))
    placed_at = models.DateTimeField(_("placed at"), auto_now_add=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    restock_on_refund = models.BooleanField(_("goods go back on the shelf once refunded"), default=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-placed_at"]
        permissions = [
            ("ship_order", "Can mark orders as shipped and delivered"),
            ("cancel_order", "Can cancel orders that are not paid"),
            ("refund_order", "Can refund orders, and cancel paid ones"),
            ("ask_provider", "Can ask the provider about a payment"),
            ("resend_mail", "Can have mails sent again"),
            ("see_as_shopper", "Can open the shopper's page of an order"),
            ("export_order", "Can export orders"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=OrderStatus.values), name="order_status_is_known"),
            models.CheckConstraint(
                condition=models.Q(total=models.F("subtotal") + models.F("shipping_total")), name="order_total_adds_up"
            ),
            models.UniqueConstraint(
                fields=["cart"], condition=models.Q(status__in=LIVE), name="order_one_live_order_per_cart"
            ),
        ]
        indexes = [
            models.Index(fields=["-placed_at"], name="order_by_placed"),
            models.Index(fields=["user", "-placed_at"], name="order_of_user"),
            models.Index(fields=["email"], name="order_by_email"),
            models.Index(fields=["postal_code"], name="order_by_postal_code"),
            # Any part of an e-mail or a name, in either case, as staff look for it.
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="order_email_parts"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="order_name_parts"),
            models.Index(
                fields=["placed_at"], condition=models.Q(status="awaiting_payment"), name="order_awaiting_payment"
            ),
            models.Index(fields=["-placed_at"], condition=models.Q(status="cancelled"), name="order_cancelled"),
            # What sold in the last days is added up from the index alone.
            models.Index(
                fields=["paid_at"],
                include=["total"],
                condition=models.Q(paid_at__isnull=False),
                name="order_by_paid",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def opens_to(self, token: str, user_id: int | None) -> bool:
        """Whether somebody with this token, or this user, may see the order."""
        if token and secrets.compare_digest(self.token.encode(), token.encode()):
            return True
        return user_id is not None and self.user_id == user_id

    @cached_property
    def current_attempt(self) -> PaymentAttempt | None:
        """The latest call to the provider. Reads what `with_payment` has loaded."""
        return max(self.payment.attempts.all(), key=lambda attempt: attempt.created_at, default=None)

    @cached_property
    def sold(self) -> list["OrderLine"]:
        """The lines, which never change. Reads what `with_everything` has loaded."""
        return list(self.lines.all())


class OrderLine(models.Model):
    """A line as it was sold: its name and price stay, whatever becomes of the product."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="+", verbose_name=_("product"))
    sku = models.CharField(_("SKU"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    unit_price = models.DecimalField(_("unit price"), max_digits=10, decimal_places=2)
    line_total = models.DecimalField(_("line total"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="order_line_once_per_product"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_line_quantity_is_positive"),
        ]
        indexes = [models.Index(Upper("sku"), name="order_line_by_sku")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"
