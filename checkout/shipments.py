"""Parcels: record one that left, and what its carrier says of it. The order's status follows from them.

Every function locks the order first, so two people who pack the same order at once cannot send a unit twice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import metrics
from checkout.exceptions import OrderNotAdvanced, ParcelRefused
from checkout.models import (
    ORDER_MOVES,
    MessageKind,
    Order,
    OrderStatus,
    OutboxMessage,
    PackedLine,
    Shipment,
    ShipmentEvent,
    ShipmentLine,
    ShipmentStatus,
)
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory.models import ReservationLine
from payments.disputes import open_dispute_of
from shipping import labels
from shipping.tracking import tracking_url

SHIP = AuditEvent("order.ship", _("marked as shipped"))
DELIVER = AuditEvent("order.deliver", _("marked as delivered"))
CORRECT = AuditEvent("parcel.correct", _("corrected a parcel's tracking"))
PARCEL_UNDELIVERED = AuditEvent("parcel.undelivered", _("recorded a parcel as not delivered"))
PARCEL_RETURNED = AuditEvent("parcel.returned", _("recorded a parcel as returned to sender"))

_CODE = re.compile(r"[A-Z0-9][A-Z0-9._/-]{0,59}")
_EVENTS = {
    ShipmentStatus.DELIVERED: DELIVER,
    ShipmentStatus.UNDELIVERED: PARCEL_UNDELIVERED,
    ShipmentStatus.RETURNED: PARCEL_RETURNED,
}
# Each status of a parcel has its mail.
MAIL_OF = {
    ShipmentStatus.POSTED: MessageKind.PARCEL_POSTED,
    ShipmentStatus.DELIVERED: MessageKind.PARCEL_DELIVERED,
    ShipmentStatus.UNDELIVERED: MessageKind.PARCEL_UNDELIVERED,
    ShipmentStatus.RETURNED: MessageKind.PARCEL_RETURNED,
}


@dataclass(frozen=True)
class Tracking:
    """Who carries a parcel, and where one can follow it. The link is the carrier's own unless one is given."""

    carrier: str = ""
    service: str = ""
    code: str = ""
    url: str = ""

    def columns(self) -> dict[str, str]:
        code = "".join(self.code.split()).upper()
        return {
            "carrier": self.carrier.strip(),
            "service": self.service.strip(),
            "tracking_code": code,
            "tracking_url": self.url.strip() or tracking_url(self.carrier, code),
        }


@dataclass(frozen=True)
class ParcelToPost:
    """What leaves in one parcel: `units` by line of the order, or all that is left to send.

    `has_left`: its carrier says so, and nothing that we know of the order keeps it from being recorded.
    """

    tracking: Tracking = Tracking()
    units: Mapping[int, int] | None = None
    warehouse_id: int | None = None
    weight_grams: int | None = None
    price_paid: Decimal | None = None
    posted_at: datetime | None = None
    has_left: bool = False


def left_to_send(order: Order) -> dict[int, int]:
    """Units by line of the order that its shopper wants and that are in no parcel, or came back in one."""
    return order.left_to_send()


def can_leave(order: Order) -> dict[int, int]:
    """What is left to send of a locked order, unless its status says that nothing of it leaves."""
    left = left_to_send(order)
    return left if order.is_to_ship or (left and _has_returned_parcels(order)) else {}


def follow_parcels(order: Order) -> None:
    """Move a locked order to where its parcels are; never back. In the caller's transaction."""
    if left_to_send(order):
        _move(order, OrderStatus.PARTLY_SHIPPED)
        return
    _move(order, OrderStatus.SHIPPED)
    statuses = set(Shipment.objects.filter(order=order).order_by().values_list("status", flat=True))
    # Not if all of it came back: its shopper had withdrawn meanwhile, or there would be something to send.
    if ShipmentStatus.DELIVERED in statuses and statuses <= {ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED}:
        _move(order, OrderStatus.DELIVERED)


def left_to_pack(order: Order) -> dict[int, int]:
    """What is left to send without what is packed in parcels that have labels. A statement more."""
    return _not_packed(order, left_to_send(order))


def units_to_pack(order: Order, wanted: Mapping[int, int] | None) -> dict[int, int]:
    """The units of a new parcel of a locked order, by line: those that are wanted, or all that are left.

    Raises OrderNotAdvanced if the order does not ship, and ParcelRefused for units that are not there to be sent.
    """
    _refuse_if_disputed(order)
    left = can_leave(order)
    if not (order.is_to_ship or left):
        raise _not_advanced(order, OrderStatus.PAID, OrderStatus.SHIPPED)
    free = _not_packed(order, left)
    if left and not free:
        raise ParcelRefused(_("All that is left to send has labels: say which parcels were handed over."))
    return _checked_units(order, wanted, free)


def warehouses_of(order: Order) -> dict[int, str]:
    """The names of the warehouses that its goods are taken from, by id. One statement."""
    taken = ReservationLine.objects.filter(reservation__reference=order.number, held=False).with_goods()
    return {line.stock.warehouse_id: line.stock.warehouse.name for line in taken}


@transaction.atomic
def post_parcel(order: Order, parcel: ParcelToPost, *, key: UUID | None = None, by: Actor = None) -> Order:
    """Record a parcel that was handed to its carrier; the same `key` records it once. Returns the order as it is then.

    Raises OrderNotAdvanced if the order does not ship, and ParcelRefused for units that are not there to be sent or for
    a code that the order has already.
    """
    order = Order.objects.locked().get(pk=order.pk)
    known = Shipment.objects.filter(pk=key).first() if key else None
    if known is not None:
        if known.order_id != order.pk:
            raise ParcelRefused
        return order
    if key is not None:
        labels.mark_posted(key)
    units = dict(parcel.units or {}) if parcel.has_left else units_to_pack(order, parcel.units)
    columns = parcel.tracking.columns()
    _check_code(order, columns["tracking_code"])
    now, before = parcel.posted_at or timezone.now(), order.shown_status
    shipment = Shipment.objects.create(
        id=key or uuid4(),
        order=order,
        warehouse_id=parcel.warehouse_id,
        weight_grams=parcel.weight_grams,
        price_paid=parcel.price_paid,
        posted_at=now,
        **columns,
    )
    ShipmentLine.objects.bulk_create(
        ShipmentLine(shipment=shipment, order_line_id=line, quantity=quantity) for line, quantity in units.items()
    )
    _tell(order, shipment, now)
    follow_parcels(order)
    audit.record(by, SHIP, order, reference=order.number, before={"status": before}, after=_logged(order, shipment))
    return order


@transaction.atomic
def record_news(
    shipment: Shipment, status: ShipmentStatus, *, at: datetime | None = None, text: str = "", by: Actor = None
) -> Order:
    """Record what became of a parcel and move its order; told twice, it counts once. Returns the order as it is then.

    Raises ParcelRefused for a status that the parcel cannot get any more.
    """
    order = Order.objects.locked().get(pk=shipment.order_id)
    shipment = Shipment.objects.locked().get(pk=shipment.pk)
    if shipment.status == status:
        return order
    if status not in shipment.moves:
        raise ParcelRefused(
            _("This parcel is %(status)s; it cannot become %(target)s any more.")
            % {"status": shipment.get_status_display(), "target": status.label}
        )
    now = at or timezone.now()
    before = shipment.status
    _advance(order, shipment, status, now, text)
    follow_parcels(order)
    changes: dict[str, Any] = {"before": {"status": before}, "after": {"status": status, "parcel": str(shipment.pk)}}
    audit.record(by, _EVENTS[status], order, reference=order.number, **changes)
    return order


@transaction.atomic
def correct_tracking(shipment: Shipment, tracking: Tracking, *, by: Actor = None) -> Shipment:
    """Replace what was typed for a parcel. The shopper hears of a new code, or a new link.

    Raises ParcelRefused for a code that another parcel of the order has.
    """
    order = Order.objects.locked().get(pk=shipment.order_id)
    shipment = Shipment.objects.locked().get(pk=shipment.pk)
    columns = tracking.columns()
    before = {name: getattr(shipment, name) for name in columns}
    if columns == before:
        return shipment
    _check_code(order, columns["tracking_code"], besides=shipment)
    for name, value in columns.items():
        setattr(shipment, name, value)
    shipment.save(update_fields=list(columns))
    if any(columns[name] != before[name] for name in ("tracking_code", "tracking_url")):
        told = OutboxMessage.objects.filter(order=order, kind=MessageKind.PARCEL_POSTED, subject=str(shipment.pk))
        told.send_again(timezone.now())
    changed = ", ".join(sorted(name for name in columns if columns[name] != before[name]))
    audit.record(by, CORRECT, order, reference=order.number, after={"parcel": str(shipment.pk), "changed": changed})
    return shipment


@transaction.atomic
def deliver_order(order: Order, *, by: Actor = None) -> Order:
    """Mark a shipped order with all its parcels as delivered. Raises OrderNotAdvanced in any other status."""
    order = Order.objects.locked().get(pk=order.pk)
    if order.shown_status != OrderStatus.SHIPPED:
        raise _not_advanced(order, OrderStatus.SHIPPED, OrderStatus.DELIVERED)
    parcels = list(Shipment.objects.locked().filter(order=order))
    if any(parcel.status == ShipmentStatus.RETURNED for parcel in parcels) and left_to_send(order):
        raise OrderNotAdvanced(
            _("A parcel of order %(number)s came back. Send its goods again, or refund them.")
            % {"number": order.number}
        )
    now = timezone.now()
    for parcel in parcels:
        if ShipmentStatus.DELIVERED in parcel.moves:
            _advance(order, parcel, ShipmentStatus.DELIVERED, now)
    _move(order, OrderStatus.DELIVERED)  # orders that shipped before parcels were recorded have none
    after = {"status": order.status}
    audit.record(by, DELIVER, order, reference=order.number, before={"status": OrderStatus.SHIPPED}, after=after)
    return order


def _advance(order: Order, shipment: Shipment, status: ShipmentStatus, at: datetime, text: str = "") -> None:
    shipment.status = status
    shipment.delivered_at = at if status == ShipmentStatus.DELIVERED else None
    shipment.save(update_fields=["status", "delivered_at"])
    _tell(order, shipment, at, text)


def _tell(order: Order, shipment: Shipment, at: datetime, text: str = "") -> None:
    """Keep the step that a parcel has come to, and promise the shopper its mail."""
    status = ShipmentStatus(shipment.status)
    step = ShipmentEvent(shipment=shipment, at=at, status=status, text=text[:200])
    ShipmentEvent.objects.bulk_create([step], ignore_conflicts=True)
    if order.email:
        OutboxMessage.objects.enqueue(order, MAIL_OF[status], shipment.pk)


def _move(order: Order, target: OrderStatus) -> None:
    if target not in ORDER_MOVES[OrderStatus(order.shown_status)]:
        return
    order.partly_shipped = target == OrderStatus.PARTLY_SHIPPED
    order.status = OrderStatus.SHIPPED if order.partly_shipped else target
    order.save(update_fields=["status", "partly_shipped"])
    metrics.count_order_on_commit(target)


def _refuse_if_disputed(order: Order) -> None:
    dispute = open_dispute_of(order.payment_id)
    if dispute is not None:
        raise OrderNotAdvanced(
            _("The payment of order %(number)s is disputed (%(status)s). Do not ship it before that is over.")
            % {"number": order.number, "status": dispute.get_status_display()}
        )


def _has_returned_parcels(order: Order) -> bool:
    came_back = Shipment.objects.filter(order=order, status=ShipmentStatus.RETURNED)
    return order.shown_status == OrderStatus.SHIPPED and came_back.exists()


def _not_advanced(order: Order, origin: OrderStatus, target: OrderStatus) -> OrderNotAdvanced:
    return OrderNotAdvanced(
        _("Order %(number)s is %(status)s; only an order that is %(origin)s can become %(target)s.")
        % {
            "number": order.number,
            "status": order.get_status_display(),
            "origin": origin.label,
            "target": target.label,
        }
    )


def _not_packed(order: Order, left: Mapping[int, int]) -> dict[int, int]:
    packed = PackedLine.objects.held(order.pk)
    return {line: units - packed.get(line, 0) for line, units in left.items() if units > packed.get(line, 0)}


def _checked_units(order: Order, wanted: Mapping[int, int] | None, left: Mapping[int, int]) -> dict[int, int]:
    if wanted is None and left:
        return dict(left)
    units = {line: quantity for line, quantity in (wanted or {}).items() if quantity > 0}
    if not left:
        raise ParcelRefused(_("Nothing of order %(number)s is left to send.") % {"number": order.number})
    if not units:
        raise ParcelRefused(_("Nothing is in this parcel: say how many units of which line are in it."))
    names = {line.pk: line.name for line in order.lines.all()}
    for line, quantity in units.items():
        if quantity > left.get(line, 0):
            raise ParcelRefused(
                _("%(left)s × %(name)s are left to send, not %(quantity)s.")
                % {"left": left.get(line, 0), "name": names.get(line, ""), "quantity": quantity}
            )
    return units


def _check_code(order: Order, code: str, besides: Shipment | None = None) -> None:
    if code and not _CODE.fullmatch(code):
        raise ParcelRefused(
            _("%(code)s is no tracking code: it may have letters, digits, points and dashes.") % {"code": code[:60]}
        )
    others = Shipment.objects.filter(order=order, tracking_code=code)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if code and others.exists():
        raise ParcelRefused(
            _("Order %(number)s already has a parcel with the code %(code)s.") % {"number": order.number, "code": code}
        )


def _logged(order: Order, shipment: Shipment) -> dict[str, str]:
    """Not its code, which tells where a person lives and is forgotten earlier than the log."""
    carried = {"carrier": shipment.carrier} if shipment.carrier else {}
    return {"status": order.shown_status, "parcel": str(shipment.pk), **carried}
