"""Orders and their lines."""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models
from django.db.models.functions import Cast, Coalesce, JSONObject, Lower, Upper
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from cart.models import Cart, CartStatus, new_token
from checkout.exceptions import OrderNotFound
from checkout.models.labels import PackedParcel
from checkout.models.outbox import MessageKind, OutboxMessage
from checkout.models.returns import GivenBack, Return, ReturnLine
from checkout.models.shipments import Shipment, ShipmentLine
from checkout.models.statuses import BEFORE_PARCELS, LIVE, RETURNABLE, STORED, TO_SHIP, OrderStatus, ShipmentStatus
from config.db.compiled import compiled, keep_related
from config.db.constraints import SameAsRelated
from config.db.locks import require_transaction
from inventory.models import Product
from payments.models import Dispute, Payment, PaymentAttempt, Refund, RefundStatus
from shipping.addresses import DeliveryFields
from shipping.models import Label, LabelStatus, Quote

# Crockford's base 32: it leaves out the letters that are easily confused with digits.
_NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """A random order number of ten characters, which reveals nothing about the number of orders."""
    return "".join(secrets.choice(_NUMBER_ALPHABET) for _ in range(10))


# A label takes seconds; one whose answer got lost is looked up within two minutes.
LABELS_TAKE = timedelta(minutes=5)
ERASED = models.Q(email="") & ~models.Q(name="")


@dataclass(frozen=True)
class RefundFact:
    """A refund as the shopper sees it."""

    amount: Decimal
    status: RefundStatus
    at: datetime


def _told_of_payment() -> str:
    """The kinds of mail about a paid order, separated by commas."""
    return (
        f"{MessageKind.CONFIRMATION},{MessageKind.NEW_ORDER}" if settings.NEW_ORDER_MAILS else MessageKind.CONFIRMATION
    )


def _refund_facts() -> ArraySubquery:
    """The refunds of an order's payment as JSON, oldest first: a part of the order's own statement."""
    refunds = Refund.objects.filter(payment=models.OuterRef("payment")).order_by("created_at", "pk")
    as_text = Cast("amount", models.TextField())
    return ArraySubquery(refunds.values_list(JSONObject(amount=as_text, status="status", at="created_at")))


class Waiting(NamedTuple):
    """Orders that wait for payment, and their units."""

    orders: int
    units: int


class OrderQuerySet(models.QuerySet["Order"]):
    def with_payment(self) -> Self:
        return self.select_related("payment").prefetch_related("payment__attempts")

    def with_goods(self) -> Self:
        """With lines and shipping quote, as a mail shows them: two statements for any number of lines."""
        return self.select_related("quote").with_lines()

    def with_lines(self) -> Self:
        return self.prefetch_related("lines")

    def with_everything(self) -> Self:
        """With everything that the order's page or API document shows, but for its parcels: three statements for any
        number of lines."""
        return self.with_payment().with_goods().annotate(refund_facts=_refund_facts())

    def with_parcels(self) -> Self:
        """One statement more, for any number of parcels."""
        parcels = models.Prefetch("shipments", Shipment.objects.with_contents(), to_attr="loaded_parcels")
        return self.prefetch_related(parcels)

    def with_returns(self) -> Self:
        """One statement more, for any number of returns."""
        asked = models.Prefetch("returns", Return.objects.with_contents(), to_attr="loaded_returns")
        return self.prefetch_related(asked)

    def of_user(self, user_id: int) -> Self:
        return self.filter(user_id=user_id).order_by("-placed_at")

    def of_person(self, email: str, user_id: int | None) -> Self:
        """The account's orders, and guests' with this address: a UNION of one index lookup each."""
        found = Order.objects.filter(user=None, email__iexact=email).order_by().values("pk")
        if user_id is not None:
            found = found.union(Order.objects.filter(user=user_id).order_by().values("pk"))
        return self.filter(pk__in=found)

    def of_others_with(self, email: str, user_id: int | None) -> Self:
        """Orders of other accounts into which this address was typed."""
        theirs = self.filter(email__iexact=email, user__isnull=False)
        return theirs.exclude(user=user_id) if user_id is not None else theirs

    def with_history(self) -> Self:
        """With everything plus parcels, labels, returns, user, cart, refunds, disputes and messages, as staff see an
        order: nine statements."""
        return (
            self.with_everything()
            .with_parcels()
            .with_returns()
            .select_related("user", "cart")
            .prefetch_related(
                models.Prefetch("payment__refunds", Refund.objects.order_by("created_at", "pk")),
                models.Prefetch("payment__disputes", Dispute.objects.order_by("opened_at", "pk")),
                models.Prefetch("packed", PackedParcel.objects.with_contents(), to_attr="loaded_packed"),
                models.Prefetch("messages", OutboxMessage.objects.order_by("created_at", "pk")),
            )
        )

    def awaiting_payment(self) -> Self:
        return self.filter(status=OrderStatus.AWAITING_PAYMENT)

    def waiting_from(self, network: str, since: datetime) -> Waiting:
        """What was placed from this network since then and waits for payment. One statement."""
        # The condition of its partial index, also for a plan that does not know the value.
        placed = self.awaiting_payment().exclude(network="").filter(network=network, placed_at__gt=since)
        found = placed.aggregate(orders=models.Count("pk", distinct=True), units=models.Sum("lines__quantity"))
        return Waiting(found["orders"], found["units"] or 0)

    def forget_networks(self, limit: int) -> int:
        """Clear the network of at most `limit` orders that no longer wait; returns how many. One statement."""
        needless = self.exclude(network="").exclude(status=OrderStatus.AWAITING_PAYMENT).order_by().values("pk")
        return Order.objects.filter(pk__in=needless[:limit]).update(network="")

    def to_ship(self) -> Self:
        """Orders of which something is to be sent: not those that their shoppers have withdrawn from as a whole."""
        given_back = ReturnLine.objects.units_of(models.OuterRef("pk"))
        wanted = OrderLine.objects.filter(order=models.OuterRef("pk"), quantity__gt=Coalesce(given_back, 0))
        return self.filter(
            models.Q(status=OrderStatus.PAID) | models.Q(status=OrderStatus.SHIPPED, partly_shipped=True),
            models.Q(has_returns=False) | models.Exists(wanted),
        )

    def partly_shipped(self) -> Self:
        return self.filter(status=OrderStatus.SHIPPED, partly_shipped=True)

    def with_parcels_astray(self) -> Self:
        """Orders with a parcel that did not reach its shopper: see `ShipmentQuerySet.astray`."""
        return self.filter(pk__in=Shipment.objects.astray().order_by().values("order"))

    def with_open_returns(self) -> Self:
        """Orders of which goods are given back, and somebody has yet to do something for it."""
        return self.filter(pk__in=Return.objects.open().order_by().values("order"))

    def with_labels_stuck(self) -> Self:
        """Orders with a label that the carrier refused, or has not answered about for minutes."""
        stuck = Label.objects.stuck(timezone.now() - LABELS_TAKE).order_by()
        return self.filter(number__in=stuck.values("reference"))

    def search(self, text: str) -> Self:
        """Search by number, e-mail, name, CEP, SKU of a line, tracking code, or the provider's
        reference; an empty text finds all.

        A UNION of one index lookup per criterion: an OR across them would scan every order. No joins, so no duplicates.
        """
        text = text.strip()
        if not text:
            return self
        digits = text.replace("-", "").replace(".", "").replace(" ", "")
        found = Order.objects.order_by()
        attempts = PaymentAttempt.objects.filter(provider_reference=text).order_by()
        refunds = Refund.objects.filter(provider_reference=text).order_by()
        lookups = [
            found.filter(email__icontains=text),
            found.filter(name__icontains=text),
            found.filter(postal_code=digits or text),
            found.filter(payment__in=attempts.values("payment")),
            found.filter(payment__in=refunds.values("payment")),
        ]
        of_lines = OrderLine.objects.filter(sku__iexact=text).order_by().values("order")
        of_parcels = Shipment.objects.filter(tracking_code=text.upper()).exclude(tracking_code="").order_by()
        by_number = found.filter(number__startswith=text.upper())
        others = (of_lines, of_parcels.values("order"), *(lookup.values("pk") for lookup in lookups))
        return self.filter(pk__in=by_number.values("pk").union(*others))

    def find(self, number: str, email: str) -> "Order | None":
        """The order with this number and e-mail, if there is one."""
        return self.filter(number=number, email__iexact=email).first()

    def latest_since(self, since: datetime, *, cart_token: str = "", user_id: int | None = None) -> "Order | None":
        """The newest order placed after `since` by this user or, without one, from this cart."""
        recent = self.filter(placed_at__gt=since).order_by("-placed_at")
        if user_id is not None:
            return recent.filter(user=user_id).first()
        return recent.filter(cart__token=cart_token).first() if cart_token else None

    def erased(self) -> Self:
        """Orders that were paid by people who had themselves erased: without e-mail, with what tax law demands."""
        return self.filter(ERASED)

    def declined_cards(self) -> Self:
        return self.filter(card_declined=True).order_by()

    def given_up(self, since: datetime) -> Self:
        """Unpaid, cancelled orders placed since `since` whose cart is still open: the shopper may yet buy."""
        return self.filter(status=OrderStatus.CANCELLED, placed_at__gte=since, cart__status=CartStatus.OPEN)

    def fetch(self, number: str, *, token: str = "", user_id: int | None = None) -> "Order":
        """Fetch an order, with everything, for its owner or a holder of its token: three statements, one more once
        parcels can have left, and one for its returns if it has any.

        Raises OrderNotFound for anyone else.
        """
        order = self.fetch_bare(number, token=token, user_id=user_id)
        keep_related(order.payment, "attempts", attempts_of_payment(order.payment_id))
        keep_related(order, "lines", lines_of_order(order.pk))
        load_parcels([order])
        load_returns([order])
        return order

    def fetch_bare(self, number: str, *, token: str = "", user_id: int | None = None) -> "Order":
        """Fetch an order without lines, attempts and parcels, for whom `fetch` would: one statement.

        Raises OrderNotFound for anyone else.
        """
        order = orders_by_number.first(number.upper())
        if order is None or not order.opens_to(token, user_id):
            raise OrderNotFound
        return order

    def fetch_with_goods(self, order_ids: Collection[int]) -> "dict[int, Order]":
        """Fetch orders as `with_goods` does, by primary key: at most two statements."""
        if not order_ids:
            return {}
        orders = {order.pk: order for order in orders_with_quote(list(order_ids))}
        lines: dict[int, list[OrderLine]] = {pk: [] for pk in orders}
        for line in lines_of_orders(list(orders)):
            lines[line.order_id].append(line)
        for pk, order in orders.items():
            keep_related(order, "lines", lines[pk])
        return orders

    def locked(self) -> Self:
        """Lock the orders' rows, sorted by id, until the transaction ends. Requires a transaction."""
        require_transaction()
        return self.select_for_update(of=("self",)).order_by("pk")

    def fetch_locked_by_attempt(self, attempt_id: UUID) -> "Order":
        """Fetch a payment attempt's order with its cart, and lock both until the transaction ends.

        Raises Order.DoesNotExist if the attempt belongs to no order.
        """
        require_transaction()
        order = locked_orders_by_attempt.first(attempt_id)
        if order is None:
            raise Order.DoesNotExist
        return order

    def pay(self, order: "Order", now: datetime) -> None:
        """Mark a locked order as paid and enqueue its confirmation in the outbox, and the notice to staff if they want
        one, in one statement."""
        require_transaction()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH paid AS (
                    UPDATE checkout_order SET status = %(status)s, paid_at = %(now)s WHERE id = %(order)s RETURNING id
                )
                INSERT INTO checkout_outboxmessage (order_id, kind, created_at, due_at, tries, last_error)
                SELECT paid.id, unnest(string_to_array(%(kinds)s, ',')), %(now)s, %(now)s, 0, '' FROM paid
                """,
                {"status": OrderStatus.PAID, "now": now, "order": order.pk, "kinds": _told_of_payment()},
            )
        order.status, order.paid_at = OrderStatus.PAID, now

    def fetch_awaiting(self, cart_token: str, user_id: int | None) -> "Order | None":
        """The cart's order that awaits payment, with payment and attempts; None if there is none for this user."""
        order = self.awaiting_payment().with_payment().select_related("cart").filter(cart__token=cart_token).first()
        return order if order and order.cart.opens_to(user_id) else None


class Order(DeliveryFields):
    """What the shopper agreed to: lines, shipping and total never change after the order is placed."""

    number = models.CharField(_("order number"), max_length=10, default=new_number, editable=False)
    token = models.CharField(max_length=43, default=new_token, editable=False)
    cart = models.ForeignKey(Cart, models.PROTECT, related_name="orders", verbose_name=_("cart"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("user"),
        db_index=False,  # order_of_user
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=[(status.value, status.label) for status in STORED],
        default=OrderStatus.AWAITING_PAYMENT,
    )
    # Of a shipped order: some of its goods have not left yet. See `STORED`.
    partly_shipped = models.BooleanField(default=False, db_default=False, editable=False)
    # Whether goods of it were ever to be given back, so that no other order is asked for its returns.
    has_returns = models.BooleanField(default=False, db_default=False, editable=False)
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
    # Cancelled by a declined card: what `checkout.cards` counts, without a join to the payment.
    card_declined = models.BooleanField(default=False, db_default=False, editable=False)
    # Keyed hash of the network that placed it, while it waits for its shopper to pay: see `checkout.unpaid`.
    network = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    # Where the release before this one keeps what `Refund.restock` says; written for its sake.
    restock_on_refund = models.BooleanField(_("goods go back on the shelf once refunded"), default=False)

    # What `with_parcels` and `load_parcels` load; an order that was just placed has none.
    loaded_parcels: list[Shipment]
    # What `with_returns` and `load_returns` load.
    loaded_returns: list[Return]

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
            ("see_tax_id", "Can see a recipient's whole CPF or CNPJ"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=STORED), name="order_status_is_known"),
            models.CheckConstraint(
                condition=models.Q(total=models.F("subtotal") + models.F("shipping_total")), name="order_total_adds_up"
            ),
            # Equality, and the staff's search by its beginning.
            models.UniqueConstraint(fields=["number"], opclasses=["varchar_pattern_ops"], name="order_number_unique"),
            models.UniqueConstraint(
                fields=["cart"], condition=models.Q(status__in=LIVE), name="order_one_live_order_per_cart"
            ),
            # What its lines refer to, so that they have its currency.
            models.UniqueConstraint("id", "currency", name="order_with_currency"),
        ]
        indexes = [
            models.Index(fields=["-placed_at"], name="order_by_placed"),
            models.Index(fields=["user", "-placed_at"], name="order_of_user"),
            models.Index(fields=["email"], name="order_by_email"),
            models.Index(fields=["postal_code"], name="order_by_postal_code"),
            # For the staff's case-insensitive substring search.
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="order_email_parts"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="order_name_parts"),
            models.Index(
                fields=["placed_at"], condition=models.Q(status="awaiting_payment"), name="order_awaiting_payment"
            ),
            models.Index(fields=["-placed_at"], condition=models.Q(status="cancelled"), name="order_cancelled"),
            # Stays small: an order leaves it with its last parcel.
            models.Index(
                fields=["-placed_at"],
                condition=models.Q(status="shipped", partly_shipped=True),
                name="order_partly_shipped",
            ),
            # Stays small: networks are forgotten once the order no longer waits.
            models.Index(fields=["network"], condition=~models.Q(network=""), name="order_of_network"),
            # For retention: an order enters when it is closed, and leaves once it is anonymised.
            models.Index(
                fields=["placed_at"],
                condition=models.Q(status__in=["shipped", "delivered", "cancelled", "refunded"]) & ~models.Q(email=""),
                name="order_closed_personal",
            ),
            models.Index(
                fields=["placed_at"],
                condition=models.Q(status="cancelled") & ~models.Q(email=""),
                name="order_cancelled_personal",
            ),
            models.Index(fields=["placed_at"], condition=ERASED, name="order_erased_named"),
            # Declined cards of a person are counted with every order by card; orders without one have no entry.
            models.Index(Lower("email"), condition=models.Q(card_declined=True), name="order_declined_by_email"),
            models.Index(fields=["user"], condition=models.Q(card_declined=True), name="order_declined_by_user"),
            # The sales of the last days are summed by an index-only scan.
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
        """Whether a holder of this token, or this user, may see the order."""
        if token and secrets.compare_digest(self.token.encode(), token.encode()):
            return True
        return user_id is not None and self.user_id == user_id

    @property
    def shown_status(self) -> str:
        """Its status, whose column has no word for an order of which a part is still to be sent."""
        is_partly = self.partly_shipped and self.status == OrderStatus.SHIPPED
        return OrderStatus.PARTLY_SHIPPED if is_partly else self.status

    def get_status_display(self) -> str:  # type: ignore[no-redef]
        """As Django's own, of `shown_status`."""
        shown = self.shown_status
        return str(OrderStatus(shown).label) if shown in OrderStatus else shown

    @property
    def is_to_ship(self) -> bool:
        """Whether it is paid and goods are still to be sent."""
        return self.shown_status in TO_SHIP

    @cached_property
    def current_attempt(self) -> PaymentAttempt | None:
        """The latest payment attempt. Reads what `with_payment` has loaded."""
        return max(self.payment.attempts.all(), key=lambda attempt: attempt.created_at, default=None)

    @cached_property
    def refunds(self) -> list[RefundFact]:
        """The refunds, oldest first. Reads what `with_everything` has loaded; a new order has none."""
        return [
            RefundFact(Decimal(fact["amount"]), RefundStatus(fact["status"]), datetime.fromisoformat(fact["at"]))
            for fact in getattr(self, "refund_facts", [])
        ]

    @property
    def refunds_to_tell(self) -> list[RefundFact]:
        """The refunds without those that failed and were made up for by a later one. Reads as `refunds`."""
        last = max((at for at, made in enumerate(self.refunds) if made.status != RefundStatus.FAILED), default=-1)
        return [made for at, made in enumerate(self.refunds) if at > last or made.status != RefundStatus.FAILED]

    @property
    def parcels(self) -> list[Shipment]:
        """The parcels, oldest first. Reads what `with_parcels` or `load_parcels` has loaded; a new order has none."""
        return getattr(self, "loaded_parcels", [])

    def left_to_send(self) -> dict[int, int]:
        """Units by line that its shopper wants and that are in no parcel, or came back in one. The order is locked.

        One statement, one for the lines if they are not loaded, and one if goods are given back.
        """
        sent = ShipmentLine.objects.sent(self.pk)
        given_back = ReturnLine.objects.given_back(self.pk) if self.has_returns else {}
        left: dict[int, int] = {}
        for line in self.lines.all():
            back = given_back.get(line.pk, GivenBack())
            # Of what is with the shopper, or on its way there, the units that they keep.
            kept = max(0, sent.get(line.pk, 0) - (back.units - back.not_sent))
            left[line.pk] = line.quantity - back.units - kept
        return {line: units for line, units in left.items() if units > 0}

    @property
    def return_requests(self) -> list[Return]:
        """Its returns, oldest first. Reads what `with_returns` or `load_returns` has loaded; a new order has none."""
        return getattr(self, "loaded_returns", [])

    @property
    def may_return(self) -> bool:
        """Whether goods of it may be given back, as far as its status tells."""
        return self.shown_status in RETURNABLE

    @property
    def packed_parcels(self) -> list[PackedParcel]:
        """The parcels with labels, oldest first, until they are handed over. Reads what `with_history` has loaded."""
        loaded: list[PackedParcel] = getattr(self, "loaded_packed", [])
        return [packed for packed in loaded if packed.label.status != LabelStatus.POSTED]

    @property
    def may_ship(self) -> bool:
        """Whether it is paid, goods are still to be sent and no dispute is undecided. Reads the payment's disputes."""
        return self.is_to_ship and not self._is_disputed

    @property
    def may_pack(self) -> bool:
        """Whether a parcel can be recorded: as `may_ship`, or to send again what came back. Reads `parcels` too."""
        came_back = self.shown_status == OrderStatus.SHIPPED and any(
            parcel.status == ShipmentStatus.RETURNED for parcel in self.parcels
        )
        return (self.is_to_ship or came_back) and not self._is_disputed

    @property
    def _is_disputed(self) -> bool:
        return any(dispute.is_open for dispute in self.payment.disputes.all())

    @cached_property
    def sold(self) -> list["OrderLine"]:
        """The lines, which never change. Reads what `with_everything` has loaded."""
        return list(self.lines.all())


class OrderLine(models.Model):
    """A line as it was sold: its name and price are a copy and do not follow the product."""

    # Both refer to their row by `SameAsRelated`; a foreign key beside it would look each row up twice.
    order = models.ForeignKey(
        Order, models.CASCADE, related_name="lines", verbose_name=_("order"), db_index=False, db_constraint=False
    )
    product = models.ForeignKey(
        Product, models.PROTECT, related_name="+", verbose_name=_("product"), db_constraint=False
    )
    sku = models.CharField(_("SKU"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    # The order's, and the product's when it was sold. NULL only in lines from before it was recorded.
    currency = models.CharField(_("currency"), max_length=3, null=True, editable=False)  # noqa: DJ001
    unit_price = models.DecimalField(_("unit price"), max_digits=10, decimal_places=2)
    line_total = models.DecimalField(_("line total"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="order_line_once_per_product"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_line_quantity_is_positive"),
            # For new lines: some from before were of a product whose currency has changed since.
            models.CheckConstraint(condition=models.Q(currency__isnull=False), name="order_line_has_currency"),
            SameAsRelated(relation="order", fields=["currency"], name="order_line_in_currency_of_order"),
            SameAsRelated(relation="product", fields=["currency"], name="order_line_in_currency_of_product"),
        ]
        indexes = [models.Index(Upper("sku"), name="order_line_by_sku")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"


def load_parcels(orders: Iterable[Order]) -> None:
    """Give these orders their parcels. One statement if a parcel of any of them can have left, none otherwise."""
    shipped = {order.pk: order for order in orders if order.status not in BEFORE_PARCELS}
    for order in shipped.values():
        order.loaded_parcels = []
    for parcel in Shipment.objects.with_contents().filter(order__in=shipped) if shipped else ():
        shipped[parcel.order_id].loaded_parcels.append(parcel)


def load_returns(orders: Iterable[Order]) -> None:
    """Give these orders their returns. One statement if any of them has some, none otherwise."""
    asked = {order.pk: order for order in orders if order.has_returns}
    for order in asked.values():
        order.loaded_returns = []
    for found in Return.objects.with_contents().filter(order__in=asked) if asked else ():
        asked[found.order_id].loaded_returns.append(found)


@compiled
def locked_orders_by_attempt(attempt_id: UUID) -> OrderQuerySet:
    carts_too = Order.objects.select_related("cart").select_for_update(of=("cart", "self"))
    return carts_too.filter(payment__attempts=attempt_id).order_by()


@compiled
def orders_by_number(number: str) -> OrderQuerySet:
    everything_joined = Order.objects.select_related("payment", "quote").annotate(
        refund_facts=_refund_facts(), cart_token=models.F("cart__token")
    )
    return everything_joined.filter(number=number).order_by()


@compiled
def attempts_of_payment(payment_id: UUID) -> models.QuerySet[PaymentAttempt]:
    return PaymentAttempt.objects.filter(payment=payment_id)


@compiled
def lines_of_order(order_id: int) -> models.QuerySet[OrderLine]:
    return OrderLine.objects.filter(order=order_id)


@compiled
def orders_with_quote(order_ids: list[int]) -> models.QuerySet[Order]:
    return Order.objects.select_related("quote").filter(pk__any=order_ids).order_by()


@compiled
def lines_of_orders(order_ids: list[int]) -> models.QuerySet[OrderLine]:
    return OrderLine.objects.filter(order__any=order_ids)
