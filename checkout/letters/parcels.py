"""The mails about each step of a parcel."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext as _

from checkout.letters.letter import Letter, LetterType
from checkout.models import MessageKind, Order, Shipment


def _load(parcel_ids: Collection[UUID]) -> Mapping[UUID, Shipment]:
    return Shipment.objects.with_contents().in_bulk(parcel_ids)


def _about(write: Callable[[Order, Shipment], Letter], *, under_way: bool = False) -> LetterType:
    """With its contents and its code; with the carrier's page, if that tells what comes next."""

    def letter(order: Order, parcel: Shipment | None) -> Letter | None:
        if parcel is None:
            return None
        facts, version = _tracking(parcel), parcel.tracking_code
        written = replace(write(order, parcel), units=parcel.contents, facts=facts, version=version)
        if under_way and parcel.tracking_url:
            return replace(written, link=parcel.tracking_url, link_text=_("Track the parcel"))
        return written

    return LetterType(letter, _load)


def _posted(order: Order, parcel: Shipment) -> Letter:
    is_all = sum(unit.quantity for unit in parcel.contents) == sum(line.quantity for line in order.sold)
    opening = (
        _("Your order %(number)s is on its way.")
        if is_all
        else _("A parcel of your order %(number)s is on its way. What is not in it comes in another one.")
    )
    paragraphs = [opening % {"number": order.number}]
    if parcel.tracking_code and parcel.tracking_url:
        paragraphs.append(_("It can take a day until the carrier shows the first step."))
    return Letter(_("Your order %(number)s is on its way") % {"number": order.number}, paragraphs)


def _delivered(order: Order, _parcel: Shipment) -> Letter:
    return Letter(
        _("Delivered: your order %(number)s") % {"number": order.number},
        [
            _("The carrier has delivered this parcel of your order %(number)s. Enjoy!") % {"number": order.number},
            _("If it has not reached you, or something is wrong with it, reply to this e-mail."),
        ],
    )


def _undelivered(order: Order, _parcel: Shipment) -> Letter:
    return Letter(
        _("We could not deliver a parcel of your order %(number)s") % {"number": order.number},
        [
            _("The carrier tried to deliver this parcel and could not hand it over."),
            _("It usually tries again, or keeps the parcel for you to fetch; its tracking says which."),
            _("If your address needs a correction, reply to this e-mail."),
        ],
    )


def _returned(order: Order, _parcel: Shipment) -> Letter:
    return Letter(
        _("A parcel of your order %(number)s came back to us") % {"number": order.number},
        [
            _("The carrier could not deliver this parcel and has sent it back to us."),
            _("Reply to this e-mail: we send it again, or pay your money back."),
        ],
    )


def _tracking(parcel: Shipment) -> list[tuple[str, str]]:
    carrier = " ".join(part for part in (parcel.carrier, parcel.service) if part)
    named = [(_("Carrier"), carrier), (_("Tracking code"), parcel.tracking_code)]
    return [(name, value) for name, value in named if value]


LETTERS = {
    MessageKind.PARCEL_POSTED: _about(_posted, under_way=True),
    MessageKind.PARCEL_DELIVERED: _about(_delivered),
    MessageKind.PARCEL_UNDELIVERED: _about(_undelivered, under_way=True),
    MessageKind.PARCEL_RETURNED: _about(_returned),
}
