"""Labels of an order's parcels: packed, bought, and handed over.

A packed parcel holds its units, so that nobody else packs them. What a label is bought for is read from the order each
time that a step is taken, and kept nowhere else.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from checkout import shipments
from checkout.exceptions import ParcelRefused
from checkout.models import Order, OrderLine, PackedLine, PackedParcel
from checkout.shipments import ParcelToPost, Tracking
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from inventory.models import Warehouse
from shipping import labels, tax_ids
from shipping import services as shipping
from shipping.addresses import Address
from shipping.exceptions import LabelsUnavailable
from shipping.label_requests import Box, DeclaredItem, LabelRequest, Party
from shipping.models import Label, LabelStatus
from shipping.options import ShippingOption
from shipping.parcels import Parcel, ParcelItem

logger = logging.getLogger(__name__)

BUY = AuditEvent("label.buy", _("bought a label"))
CANCEL = AuditEvent("label.cancel", _("cancelled a label"))

# Options of the carrier that sells labels are named after its services.
PREFIX = "melhor-envio-"
BATCH = 20
ROUND_SECONDS = 20.0


@dataclass(frozen=True)
class ParcelToLabel:
    """What is packed in one box: `units` by line of the order, or all that is left."""

    service: str
    service_name: str
    warehouse_id: int
    box: Box
    units: Mapping[int, int] | None = None


def items_of(order: Order, units: Mapping[int, int]) -> list[ParcelItem]:
    """These units, by line of the order, with their sizes and weights. One statement."""
    lines = OrderLine.objects.filter(order=order, pk__in=units).select_related("product").order_by("pk")
    return [
        ParcelItem(
            weight_grams=line.product.weight_grams,
            length_cm=line.product.length_cm,
            width_cm=line.product.width_cm,
            height_cm=line.product.height_cm,
            quantity=units[line.pk],
            unit_value=line.unit_price,
        )
        for line in lines
    ]


def services_for(order: Order, items: list[ParcelItem]) -> list[ShippingOption]:
    """The services of which a label can be bought for these items, cheapest first; the shopper's own is among them.

    May call the network.
    """
    offered = shipping.options(Parcel.of(items, order.currency), order.postal_code)
    found = [option for option in offered if option.code.startswith(PREFIX)]
    chosen = order.quote
    if chosen.method_code.startswith(PREFIX) and all(option.code != chosen.method_code for option in found):
        found.append(
            ShippingOption(
                chosen.method_code,
                chosen.method_name,
                chosen.price,
                chosen.currency,
                chosen.min_days,
                chosen.max_days,
            )
        )
    return found


def buy_label(order: Order, parcel: ParcelToLabel, *, key: UUID, by: Actor = None) -> Label:
    """Pack a parcel, buy its label and have it made; the same `key` buys it once, and goes on with it.

    What is not answered is finished by the sweeper. Not inside a transaction. Raises LabelsUnavailable,
    OrderNotAdvanced, and ParcelRefused for units that are not there or an address that is missing.
    """
    if not labels.is_available():
        raise LabelsUnavailable
    _pack(order, parcel, key, by)
    return labels.proceed(key, _request, pressed=True)


def go_on(parcel: PackedParcel) -> Label:
    """Take again the step that the carrier refused, or did not answer."""
    return labels.proceed(parcel.pk, _request, pressed=True)


def cancel_label(parcel: PackedParcel, *, by: Actor = None) -> Label:
    """Cancel a label whose parcel was not handed over; its goods are left to send again.

    Not inside a transaction.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.locked().get(pk=parcel.order_id)
        label = labels.cancel(parcel.pk)
        audit.record(by, CANCEL, order, reference=order.number, after={"parcel": str(parcel.pk)})
    return labels.proceed(label.pk, _request, pressed=True)


def hand_over(parcel: PackedParcel, *, by: Actor = None) -> Order:
    """Record that the carrier has the parcel; told twice, it is recorded once. Returns the order as it is then.

    Raises OrderNotAdvanced if the order does not ship any more, and ParcelRefused without a finished label.
    """
    if parcel.label.cancelling or parcel.label.status not in (LabelStatus.MADE, LabelStatus.POSTED):
        raise ParcelRefused(_("This label is not ready yet."))
    return shipments.post_parcel(parcel.order, parcel_to_post(parcel), key=parcel.pk, by=by)


def parcel_to_post(parcel: PackedParcel) -> ParcelToPost:
    """What is recorded once it is handed over."""
    label = parcel.label
    return ParcelToPost(
        tracking=Tracking(carrier=label.service_name[:60], code=label.tracking_code),
        units=parcel.units,
        warehouse_id=parcel.warehouse_id,
        weight_grams=label.weight_grams,
        price_paid=label.price,
    )


def finish_due() -> int:
    """Go on with labels that a crash or a lost answer left unfinished; returns how many were looked at."""
    if not labels.is_available():
        return 0
    done, deadline = 0, time.monotonic() + ROUND_SECONDS
    for label_id in labels.due(BATCH):
        if time.monotonic() > deadline:
            break
        try:
            labels.proceed(label_id, _request)
        except Exception:  # one bad label must not block the others
            logger.exception("Label %s could not be finished", label_id)
        done += 1
    return done


@transaction.atomic(durable=True)
def _pack(order: Order, parcel: ParcelToLabel, key: UUID, by: Actor) -> None:
    """Record a packed parcel and the label that is to be bought for it, once."""
    order = Order.objects.locked().get(pk=order.pk)
    known = PackedParcel.objects.filter(pk=key).first()
    if known is not None:
        if known.order_id != order.pk:
            raise ParcelRefused
        return
    units = shipments.units_to_pack(order, parcel.units)
    warehouse = Warehouse.objects.get(pk=parcel.warehouse_id)
    if not warehouse.has_address:
        raise ParcelRefused(_("The warehouse %(name)s has no address for labels.") % {"name": warehouse.name})
    if order.address is None or not order.tax_id:
        raise ParcelRefused(_("A label needs the recipient's address and CPF or CNPJ."))
    name = parcel.service_name[:80]
    label = labels.begin(key, order.number, service=parcel.service, service_name=name, box=parcel.box)
    packed = PackedParcel.objects.create(label=label, order=order, warehouse=warehouse)
    PackedLine.objects.bulk_create(
        PackedLine(parcel=packed, order_line_id=line, quantity=quantity) for line, quantity in units.items()
    )
    audit.record(by, BUY, order, reference=order.number, after={"parcel": str(key), "service": name})


def _request(label: Label) -> LabelRequest:
    parcel = PackedParcel.objects.with_everything().get(pk=label.pk)
    order, warehouse = parcel.order, parcel.warehouse
    recipient = order.address
    if recipient is None:
        raise ParcelRefused(_("A label needs the recipient's address and CPF or CNPJ."))
    sender = Address(
        name=settings.SELLER_NAME or settings.SHOP_NAME,
        street=warehouse.street,
        number=warehouse.street_number,
        complement=warehouse.complement,
        district=warehouse.district,
        city=warehouse.city,
        state=warehouse.state,
        postal_code=warehouse.postal_code,
    )
    return LabelRequest(
        tag=str(label.pk),
        service=label.service,
        sender=Party(sender, tax_ids.bare(settings.SELLER_TAX_ID), settings.SELLER_EMAIL, settings.SELLER_PHONE),
        recipient=Party(recipient, order.tax_id, order.email, order.phone),
        items=tuple(
            DeclaredItem(line.order_line.name, line.quantity, line.order_line.unit_price) for line in parcel.lines.all()
        ),
        box=Box(label.weight_grams, label.length_cm, label.width_cm, label.height_cm),
    )
