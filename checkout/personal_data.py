"""What orders know of a person, and what of it tax law demands: name, tax id and address of who bought something."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from cart.models import Cart, CartStatus
from cart.retention import strip
from checkout.models import MAILS, IdempotencyKey, MessageKind, Order, OrderStatus, OutboxMessage, Receipt, Return
from checkout.retention import anonymise, forget_tracking
from config.audit import services as audit
from config.personal_data.shares import Erased, Person, Records, Share
from payments.models import Payment
from payments.personal_data import erase_traces, is_under_way
from shipping.addresses import PERSONAL_COLUMNS

_ENDED = [OrderStatus.DELIVERED, OrderStatus.CANCELLED, OrderStatus.REFUNDED]
# Shops that nobody tells of deliveries: by then a parcel has come.
_SURELY_DELIVERED = timedelta(days=60)
_FACTS = ("number", "status", "currency", "language", "subtotal", "shipping_total", "total", "placed_at", "paid_at")


def _export(person: Person) -> Records:
    orders = Order.objects.of_person(person.email, person.user_id).with_history().order_by("pk")
    return [_exported(order) for order in orders]


def _exported(order: Order) -> dict[str, Any]:
    return {
        **{name: getattr(order, name) for name in (*_FACTS, *PERSONAL_COLUMNS)},
        "delivery": order.quote.name,
        "lines": [
            {"sku": line.sku, "name": line.name, "quantity": line.quantity, "unit_price": line.unit_price}
            for line in order.sold
        ],
        "payment": {"method": order.payment.method, "status": order.payment.status},
        "refunds": [
            {"amount": refund.amount, "status": refund.status, "reason": refund.reason, "at": refund.created_at}
            for refund in order.payment.refunds.all()
        ],
        "mails": [
            {"kind": message.kind, "sent_at": None if message.dropped else message.sent_at}
            for message in order.messages.all()
            if message.kind in MAILS
        ],
        "parcels": [
            {
                "carrier": parcel.carrier,
                "service": parcel.service,
                "tracking_code": parcel.tracking_code,
                "steps": [{"status": step.status, "text": step.text, "at": step.at} for step in parcel.events],
            }
            for parcel in order.parcels
        ],
        "returns": [
            {
                "number": asked.number,
                "status": asked.status,
                "asked_at": asked.asked_at,
                "reason": asked.reason,
                "answer": asked.answer,
                "lines": [{"sku": units.sku, "quantity": units.quantity} for units in asked.contents],
            }
            for asked in order.return_requests
        ],
    }


def _erase(person: Person) -> Erased:
    _take_from_others(person)
    rows, under_way = 0, list[str]()
    mine = Order.objects.of_person(person.email, person.user_id).order_by("pk")
    for order_id in list(mine.values_list("pk", flat=True)):
        number = _erase_one(order_id)
        if number:
            under_way.append(number)
        else:
            rows += 1
    return Erased(rows, tuple(under_way))


@transaction.atomic
def _erase_one(order_id: int) -> str:
    """Cut an order down, with all that hangs on it, and return ""; or its number, if it is under way."""
    cart = Cart.objects.select_for_update().get(orders=order_id)
    order = Order.objects.locked().get(pk=order_id)
    payment = Payment.objects.locked().get(pk=order.payment_id)
    if not _has_ended(order) or is_under_way(payment):
        return order.number
    messages = OutboxMessage.objects.filter(order=order)
    messages.filter(kind__in=MAILS, sent_at=None).delete()
    messages.update(last_error="")
    IdempotencyKey.objects.filter(cart=cart).exclude(response_status=None).delete()
    erase_traces(payment.pk)
    audit.forget_reasons(order.number)
    if cart.status != CartStatus.CHECKING_OUT:  # else its next order is under way
        strip(Cart.objects.filter(pk=cart.pk))
    _cut(order)
    return ""


def _has_ended(order: Order) -> bool:
    """Whether nobody has to do anything more for it, and no rule of the shop has to know who placed it."""
    now = timezone.now()
    if OutboxMessage.objects.unsent().filter(order=order, kind=MessageKind.REFUND_DUE).exists():
        return False
    if Return.objects.open().filter(order=order).exists():
        return False
    if order.card_declined and order.placed_at > now - timedelta(hours=settings.CARD_DECLINES_HOURS):
        return False  # it counts against whoever tries stolen cards
    if order.status == OrderStatus.SHIPPED:
        return not order.partly_shipped and order.placed_at < now - _SURELY_DELIVERED
    return order.status in _ENDED


def _cut(order: Order) -> None:
    mine = Order.objects.filter(pk=order.pk)
    if order.paid_at is None:
        anonymise(mine)
        return
    Receipt.objects.filter(order=order).delete()
    forget_tracking(mine)
    Return.objects.filter(order=order).forget_words()
    mine.update(email="", phone="", user=None, token="")


@transaction.atomic
def _take_from_others(person: Person) -> None:
    """An address that someone else typed into an order of their own account: their own takes its place."""
    order_ids = [order.pk for order in Order.objects.of_others_with(person.email, person.user_id).locked()]
    owner = get_user_model().objects.filter(pk=OuterRef("user"))
    Order.objects.filter(pk__in=order_ids).update(email=Subquery(owner.values("email")))


ORDERS = Share(name="orders", export=_export, erase=_erase)
