"""Labels: bought, made, printed and cancelled step by step, so that none is ever bought twice.

The carrier knows no idempotency key. Before a step is taken, it is committed that it may have been: `due_at` keeps
others from it until the call must be over, and `unsure` makes whoever comes next look first. Only the one id that is
recorded here is ever paid, and the carrier's wallet pays an id once.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from config.db.locks import refuse_in_transaction, require_transaction
from config.exceptions import Refusal
from shipping import carriers
from shipping.carriers.base import CarrierUnavailable
from shipping.carriers.labels import (
    BOUGHT,
    IN_CART,
    PAID,
    CarrierLabel,
    LabelCarrier,
    LabelRefused,
    LabelUnknown,
)
from shipping.exceptions import LabelsNotPrinted, LabelsUnavailable, NoLabelToPrint
from shipping.label_requests import Box, LabelRequest
from shipping.models import Label, LabelStatus

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

# Many times the deadline of a call: when it ends, the call of whoever took the step is over.
LEASE = timedelta(seconds=90)
# A parcel is seldom handed over sooner; before that a webhook tells of it.
FIRST_ASKED_AFTER = timedelta(hours=6)
# What is not known after so many tries waits for a person.
MOST_TRIES = 30
# From the cart to the print there are four, and as many looks.
MOST_STEPS = 10


def is_available() -> bool:
    """Whether there is a carrier that sells labels."""
    return carriers.label_carrier() is not None


def balance() -> Decimal | None:
    """What is left in the wallet; None while the carrier does not say. Calls the network."""
    try:
        return _carrier().balance()
    except (CarrierUnavailable, LabelRefused):
        return None


def begin(label_id: UUID, reference: str, *, service: str, service_name: str, box: Box) -> Label:
    """Record a label to be bought, in the caller's transaction; `proceed` buys it after the commit."""
    require_transaction()
    return Label.objects.create(
        id=label_id,
        reference=reference,
        service=service,
        service_name=service_name,
        weight_grams=box.weight_grams,
        length_cm=box.length_cm,
        width_cm=box.width_cm,
        height_cm=box.height_cm,
        due_at=timezone.now(),
    )


def proceed(label_id: UUID, request: Callable[[Label], LabelRequest], *, pressed: bool = False) -> Label:
    """Take the steps of a label that are left, until it can be printed, is cancelled, or has to wait.

    `request` says what it is bought for, or refuses. `pressed`: a person asks, so that what was refused is tried again.
    Not inside a transaction; any number may call it at once. Raises LabelsUnavailable without a carrier.
    """
    carrier = _carrier()
    refuse_in_transaction(f"The carrier {carrier.name}")
    for _step in range(MOST_STEPS):
        label = _claim(label_id, pressed=pressed)
        if label is None:
            break
        pressed = False
        try:
            _take_step(carrier, label, request)
        except (LabelRefused, Refusal) as refusal:
            _record(label, _wait_for_person, _Refused(str(refusal), label.unsure))
            break
        except CarrierUnavailable as error:
            logger.warning("Label %s: the carrier did not answer (%s); it will be looked up", label.pk, error)
            _record(label, _keep_unsure, "")
            break
    return Label.objects.get(pk=label_id)


def due(limit: int) -> list[UUID]:
    """Labels that a crash or a lost answer left unfinished."""
    return list(Label.objects.due(timezone.now()).values_list("pk", flat=True)[:limit])


@transaction.atomic
def cancel(label_id: UUID) -> Label:
    """Record that a label is not wanted any more; `proceed` cancels it at the carrier. One that was posted stays."""
    label = Label.objects.fetch_locked(label_id)
    if label.is_live:
        label.cancelling = True
        label.due_at = label.due_at or timezone.now()
        label.save(update_fields=["cancelling", "due_at"])
    return label


def cancel_all(reference: str) -> None:
    """The same for all labels of this reference, in the caller's transaction; the next round cancels them. One
    statement."""
    require_transaction()
    wanted = Label.objects.live().filter(reference=reference)
    wanted.update(cancelling=True, due_at=Coalesce(F("due_at"), timezone.now()))


def mark_posted(label_id: UUID) -> Label | None:
    """Record that the parcel left, in the caller's transaction; None if there is no such label.

    A label that was to be cancelled is not, since it was used.
    """
    require_transaction()
    label = Label.objects.locked().filter(pk=label_id).first()
    if label is not None:
        label.status, label.cancelling, label.due_at, label.last_error = LabelStatus.POSTED, False, None, ""
        label.save(update_fields=["status", "cancelling", "due_at", "last_error"])
    return label


def mark_cancelled(label_id: UUID) -> None:
    """Record that a label was cancelled at the carrier, in the caller's transaction; one that was posted stays."""
    require_transaction()
    label = Label.objects.fetch_locked(label_id)
    if label.is_live:
        _end(label, None)
        label.save()


def print_together(references: Collection[str]) -> str:
    """The address of one document with the labels of these references that can be printed.

    Not inside a transaction. Raises LabelsUnavailable, NoLabelToPrint, and LabelsNotPrinted if the carrier refuses or
    does not answer.
    """
    ready = Label.objects.filter(reference__in=references, status=LabelStatus.MADE, cancelling=False)
    carrier_ids = list(ready.order_by("created_at", "pk").values_list("carrier_id", flat=True))
    if not carrier_ids:
        raise NoLabelToPrint
    try:
        return _carrier().print_page(carrier_ids)
    except (CarrierUnavailable, LabelRefused) as error:
        raise LabelsNotPrinted from error


# --- Steps ------------------------------------------------------------------------------------------------------------


def _carrier() -> LabelCarrier:
    carrier = carriers.label_carrier()
    if carrier is None:
        raise LabelsUnavailable
    return carrier


@transaction.atomic(durable=True)
def _claim(label_id: UUID, *, pressed: bool) -> Label | None:
    """Commit that the next step may be taken now; None if there is none, or another takes it.

    The label's `unsure` is what it was before.
    """
    now = timezone.now()
    label = Label.objects.fetch_locked(label_id)
    waits_for_person = label.due_at is None
    if label.is_at_rest or (waits_for_person and not pressed) or (label.due_at and label.due_at > now):
        return None
    was_unsure = label.unsure
    label.unsure, label.due_at, label.tries = True, now + LEASE, label.tries + 1
    label.save(update_fields=["unsure", "due_at", "tries"])
    label.unsure = was_unsure
    return label


def _take_step(carrier: LabelCarrier, label: Label, request: Callable[[Label], LabelRequest]) -> None:
    """Take the label's next step at the carrier, after a look if it may have been taken, and record it."""
    if label.cancelling:
        _record_cancelled(label, carrier)
    elif label.status == LabelStatus.BEGUN:
        placed = carrier.find_in_cart(str(label.pk)) if label.unsure else None
        _record(label, _place, placed or carrier.put_in_cart(request(label)))
    elif label.status == LabelStatus.PLACED:
        _record(label, _follow, _paid(carrier, label))
    elif label.status == LabelStatus.PAID:
        carrier.make(label.carrier_id)
        _record(label, _follow, carrier.fetch(label.carrier_id))
    else:
        _record(label, _keep_print, carrier.print_page([label.carrier_id]))


def _paid(carrier: LabelCarrier, label: Label) -> CarrierLabel:
    """Pay a label, unless that was done; returns it as it is then. Raises LabelRefused if it is not paid."""
    known = carrier.fetch(label.carrier_id) if label.unsure else None
    if known is not None and known.state != IN_CART:
        return known
    try:
        carrier.pay(label.carrier_id)
    except LabelRefused:
        # Refused because an earlier call paid it: it says so.
        known = carrier.fetch(label.carrier_id)
        if known.state == IN_CART:
            raise
        return known
    return CarrierLabel(label.carrier_id, PAID)


def _record_cancelled(label: Label, carrier: LabelCarrier) -> None:
    known = _find(carrier, label)
    if known is not None and known.has_left:
        _record(label, _stay_bought, known)
        return
    if known is not None and known.state == IN_CART:
        carrier.remove_from_cart(known.carrier_id)
    elif known is not None and not known.is_cancelled:
        carrier.cancel(known.carrier_id, f"{label.pk}")
    _record(label, _end, None)


def _find(carrier: LabelCarrier, label: Label) -> CarrierLabel | None:
    """The label as the carrier has it; None if it has none."""
    if not label.carrier_id:
        return carrier.find_in_cart(str(label.pk))
    try:
        return carrier.fetch(label.carrier_id)
    except LabelUnknown:
        return None


# --- What came of a step: each is called on the row under its lock ----------------------------------------------------


@transaction.atomic(durable=True)
def _record(taken: Label, write: Callable[[Label, Told], None], told: Told) -> None:
    """Write what came of a step, unless the label has gone on meanwhile."""
    label = Label.objects.fetch_locked(taken.pk)
    if (label.status, label.tries) != (taken.status, taken.tries):
        return
    write(label, told)
    if label.cancelling and not taken.cancelling:
        # Someone has asked for it meanwhile.
        label.due_at = timezone.now()
    label.save()


def _place(label: Label, placed: CarrierLabel) -> None:
    label.carrier_id, label.protocol, label.price = placed.carrier_id, placed.protocol, placed.price
    _go_on(label, LabelStatus.PLACED)


def _follow(label: Label, known: CarrierLabel) -> None:
    """Write what the carrier says of a label that is bought, or was cancelled elsewhere."""
    label.tracking_code = known.tracking_code or label.tracking_code
    label.price = known.price if known.price is not None else label.price
    if known.is_cancelled:
        _end(label, None)
    elif known.state == PAID:
        _go_on(label, LabelStatus.PAID)
    elif known.state in BOUGHT:
        _go_on(label, LabelStatus.MADE)
    else:
        raise CarrierUnavailable(f"the label is {known.state}")


def _keep_print(label: Label, url: str) -> None:
    label.print_url = url
    _go_on(label, LabelStatus.MADE)
    label.due_at = None
    label.ask_at = label.ask_at or timezone.now() + FIRST_ASKED_AFTER


def _go_on(label: Label, status: LabelStatus) -> None:
    label.status, label.unsure, label.due_at, label.last_error = status, False, timezone.now(), ""


def _end(label: Label, _told: None) -> None:
    label.status, label.cancelling, label.unsure, label.due_at = LabelStatus.CANCELLED, False, False, None
    label.last_error = ""


def _stay_bought(label: Label, known: CarrierLabel) -> None:
    """It cannot be cancelled any more: its parcel left."""
    label.cancelling = False
    _follow(label, known)


@dataclass(frozen=True)
class _Refused:
    """`was_unsure`: an earlier call of the same step is not known about either."""

    text: str
    was_unsure: bool


def _wait_for_person(label: Label, refused: _Refused) -> None:
    label.unsure, label.due_at, label.last_error = refused.was_unsure, None, refused.text[:200]


def _keep_unsure(label: Label, _told: str) -> None:
    """It is due when the lease ends; after many tries a person has to look."""
    if label.tries >= MOST_TRIES:
        label.due_at = None
