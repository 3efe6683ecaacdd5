"""Many parcels at once, as a list from a carrier or a spreadsheet has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from checkout import shipments
from checkout.exceptions import ParcelRefused
from checkout.models import Order, Shipment
from checkout.shipments import ParcelToPost, Tracking
from config.audit.services import Actor
from config.exceptions import Refusal


@dataclass(frozen=True)
class ListedParcel:
    """A parcel of an order, by its number; `units` by SKU, or all that is left to send; `line` is its place."""

    line: int
    number: str
    tracking: Tracking
    units: Mapping[str, int] | None = None


@dataclass
class PostedParcel:
    """What became of a listed parcel: recorded, known already, or refused for `problem`."""

    listed: ListedParcel
    order: Order | None = None
    contents: list[tuple[int, str]] = field(default_factory=list)  # units and name
    is_known: bool = False
    problem: str = ""


def post_all(listed: Iterable[ListedParcel], *, rehearse: bool, by: Actor = None) -> list[PostedParcel]:
    """Post each parcel that can be posted, in transactions of one order each; returns all of them as they were listed.

    Given the same list again, it posts only what is missing. With `rehearse` everything is taken back, so that a
    preview says exactly what would happen.
    """
    wanted = list(listed)
    orders = Order.objects.with_lines().filter(number__in={parcel.number for parcel in wanted})
    known = {order.number: order for order in orders}
    # Whoever posts one of these meanwhile makes it a refusal, not a second parcel.
    codes = set(Shipment.objects.filter(order__in=known.values()).values_list("order__number", "tracking_code"))
    unknown = str(_("There is no order with this number."))
    posted = [PostedParcel(parcel, problem=unknown) for parcel in wanted if parcel.number not in known]
    for number, order in known.items():
        with transaction.atomic():
            for parcel in wanted:
                code = parcel.tracking.columns()["tracking_code"]
                if parcel.number == number and code and (number, code) in codes:
                    posted.append(PostedParcel(parcel, order, is_known=True))
                elif parcel.number == number:
                    posted.append(_post(parcel, order, by))
            transaction.set_rollback(rehearse)
    return sorted(posted, key=lambda done: done.listed.line)


def _post(listed: ListedParcel, order: Order, by: Actor) -> PostedParcel:
    done = PostedParcel(listed, order)
    try:
        units = _units(order, listed)
        contents = units if units is not None else shipments.left_to_pack(order)
        names = {line.pk: line.name for line in order.lines.all()}
        done.contents = [(quantity, names[line]) for line, quantity in contents.items()]
        shipments.post_parcel(order, ParcelToPost(listed.tracking, units), by=by)
    except Refusal as refusal:
        done.problem = str(refusal)
    return done


def _units(order: Order, listed: ListedParcel) -> dict[int, int] | None:
    if listed.units is None:
        return None
    if not listed.tracking.code:
        raise ParcelRefused(_("A parcel with a part of an order needs its tracking code: it tells parcels apart."))
    lines = {line.sku.casefold(): line.pk for line in order.lines.all()}
    strange = [sku for sku in listed.units if sku.casefold() not in lines]
    if strange:
        raise ParcelRefused(_("Not in this order: %(skus)s.") % {"skus": ", ".join(strange)})
    return {lines[sku.casefold()]: quantity for sku, quantity in listed.units.items()}
