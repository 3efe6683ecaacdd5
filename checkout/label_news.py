"""What the carrier says of labels moves their parcels, and the orders with them. Its word is believed, in any order."""

import logging
import time
from dataclasses import replace

from django.db import transaction

from checkout import labels, shipments
from checkout.exceptions import ParcelRefused
from checkout.models import Order, PackedParcel, Shipment, ShipmentStatus
from checkout.shipments import Tracking
from shipping import label_news
from shipping import labels as carrier_labels
from shipping.label_news import CarrierLabel
from shipping.models import Label

logger = logging.getLogger(__name__)

BATCH = 20
ROUND_SECONDS = 20.0


def follow_due() -> int:
    """Ask about the labels that are due, and write what became of them; returns how many were asked about.

    Safe to run in several workers at once, and to repeat.
    """
    done, deadline = 0, time.monotonic() + ROUND_SECONDS
    for label in label_news.claim(BATCH) if carrier_labels.is_available() else ():
        if time.monotonic() > deadline:
            break  # due again when the claim ends
        known = label_news.ask(label)
        if known is None:
            continue
        try:
            is_over = _believe(label, known)
        except Exception:  # one bad label must not block the others
            logger.exception("What became of label %s could not be recorded", label.pk)
            continue
        label_news.heard(label, is_over=is_over)
        done += 1
    return done


def _believe(label: Label, known: CarrierLabel) -> bool:
    """Write what the carrier says of a label; returns whether nothing more will become of it."""
    parcel = PackedParcel.objects.with_everything().get(pk=label.pk)
    if known.is_cancelled:
        _free(parcel)
        return True
    if not known.has_left:
        return False
    shipment = _posted(parcel, known)
    if known.is_delivered:
        _tell(shipment, ShipmentStatus.DELIVERED, known)
    elif known.is_undelivered:
        _tell(shipment, ShipmentStatus.UNDELIVERED, known)
    return known.is_delivered


@transaction.atomic(durable=True)
def _free(parcel: PackedParcel) -> None:
    """Its goods are left to send again."""
    Order.objects.locked().get(pk=parcel.order_id)
    carrier_labels.mark_cancelled(parcel.pk)


def _posted(parcel: PackedParcel, known: CarrierLabel) -> Shipment:
    """The parcel as it is recorded, now or earlier, with its code if that has come since."""
    shipment = Shipment.objects.filter(pk=parcel.pk).first()
    if shipment is None:
        to_post = labels.parcel_to_post(parcel)
        tracking = replace(to_post.tracking, code=known.tracking_code or to_post.tracking.code)
        told = replace(to_post, tracking=tracking, posted_at=known.posted_at, has_left=True)
        shipments.post_parcel(parcel.order, told, key=parcel.pk)
        return Shipment.objects.get(pk=parcel.pk)
    if known.tracking_code and not shipment.tracking_code and parcel.order.email:
        tracking = Tracking(shipment.carrier, shipment.service, known.tracking_code)
        return shipments.correct_tracking(shipment, tracking)
    return shipment


def _tell(shipment: Shipment, status: ShipmentStatus, known: CarrierLabel) -> None:
    at = known.delivered_at if status == ShipmentStatus.DELIVERED else None
    try:
        shipments.record_news(shipment, status, at=at)
    except ParcelRefused:
        # Staff know more: it came back, say.
        logger.info("Parcel %s is not %s any more", shipment.pk, status)
