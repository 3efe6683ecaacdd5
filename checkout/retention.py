"""How long orders know who placed them, and how long answers and messages are kept."""

from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from checkout.models import IdempotencyKey, Order, OrderStatus, OutboxMessage, Receipt, Return, Shipment, ShipmentEvent
from config.retention.rules import RetentionRule, Rows
from payments.models import PaymentAttempt
from shipping.addresses import PERSONAL_COLUMNS
from shipping.models import Label, Quote

CLOSED = [OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.CANCELLED, OrderStatus.REFUNDED]


def _old_keys(before: datetime) -> Rows:
    return IdempotencyKey.objects.filter(started_at__lt=before).order_by("started_at")


def _sent_messages(before: datetime) -> Rows:
    return OutboxMessage.objects.filter(sent_at__lt=before).order_by("sent_at")


def _closed_orders(before: datetime) -> Rows:
    return Order.objects.filter(status__in=CLOSED, placed_at__lt=before).exclude(email="").order_by("placed_at")


def _erased_orders(before: datetime) -> Rows:
    """What `checkout.personal_data` has left of an order that was paid."""
    return Order.objects.erased().filter(placed_at__lt=before).order_by("placed_at")


def _unpaid_orders(before: datetime) -> Rows:
    paid = PaymentAttempt.objects.filter(payment=OuterRef("payment"), captured__gt=0)
    cancelled = Order.objects.filter(status=OrderStatus.CANCELLED, placed_at__lt=before).exclude(email="")
    return cancelled.filter(~Exists(paid)).order_by("placed_at")


def _old_receipts(before: datetime) -> Rows:
    return Receipt.objects.filter(asked_at__lt=before).order_by("asked_at")


def forget_tracking(orders: Rows) -> None:
    """A code opens the carrier's page, which tells where the parcel went. What was in it stays."""
    parcels = Shipment.objects.filter(order__in=list(orders.values_list("pk", flat=True)))
    ShipmentEvent.objects.filter(shipment__in=parcels).exclude(text="").update(text="")
    parcels.update(tracking_code="", tracking_url="")
    labels = Label.objects.filter(reference__in=list(orders.values_list("number", flat=True)))
    labels.update(tracking_code="", print_url="", last_error="")


def anonymise(rows: Rows) -> None:
    """An empty token opens nothing. Lines, amounts and the payment stay: they are the books."""
    Receipt.objects.filter(order__in=rows).delete()
    Quote.objects.filter(pk__in=list(rows.values_list("quote", flat=True))).update(postal_code="")
    forget_tracking(rows)
    Return.objects.filter(order__in=list(rows.values_list("pk", flat=True))).forget_words()
    rows.update(**dict.fromkeys(PERSONAL_COLUMNS, ""), user=None, token="")


IDEMPOTENCY_KEYS = RetentionRule(
    name="idempotency_keys",
    what=_("Answers to the checkouts of apps, by idempotency key"),
    effect=_("deleted for good"),
    why=_("An app repeats a request for hours at most; the provider keeps its own keys for a day."),
    due=_old_keys,
    at_least=2,
    at_most=90,
)
OUTBOX_MESSAGES = RetentionRule(
    name="outbox_messages",
    what=_("Outgoing messages, after they were sent"),
    effect=_("deleted for good"),
    why=_("The order's timeline says when a mail went out. What is unsent stays."),
    due=_sent_messages,
    at_least=30,
)
ERASED_ORDERS = RetentionRule(
    name="erased_orders",
    what=_("Name, tax id and address in paid orders of people who had themselves erased, after they were placed"),
    effect=_("anonymised; lines and amounts stay"),
    why=_("Taxes, from the year after the sale on (CTN 173, 174; LGPD 16 I). Their e-mail and phone went at once."),
    due=_erased_orders,
    remove=anonymise,
    at_least=1826,
)
ORDERS = RetentionRule(
    name="orders",
    what=_("Who placed an order, and where it went, after it was placed"),
    effect=_("anonymised; lines and amounts stay"),
    why=_("Five years for claims (CDC 27), and for taxes from the year after the sale on (CTN 173, 174; LGPD 16 I)."),
    due=_closed_orders,
    remove=anonymise,
    at_least=1826,
)
RECEIPTS = RetentionRule(
    name="receipts",
    what=_("Receipts as PDF, after they were asked for"),
    effect=_("deleted for good"),
    why=_("They are downloaded at once, and made anew whenever someone asks (LGPD 15)."),
    due=_old_receipts,
    at_most=90,
)
UNPAID_ORDERS = RetentionRule(
    name="unpaid_orders",
    what=_("Who placed an order that was cancelled and never paid, after it was placed"),
    effect=_("anonymised; lines and amounts stay"),
    why=_("No sale, so no law demands them; disputes and fraud show within months (LGPD 15)."),
    due=_unpaid_orders,
    remove=anonymise,
    at_least=30,
    at_most=1826,
)
