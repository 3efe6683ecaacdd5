"""The words of the mails after the confirmation, in the active language. `checkout.emails` puts them into a mail."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from checkout.models import MessageKind, Order, PackedUnits, Shipment


@dataclass(frozen=True)
class Letter:
    """What a mail says: `facts` are named values such as a code, `units` what it is about."""

    subject: str
    paragraphs: list[str]
    units: list[PackedUnits] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    # Where its main button leads, if not to the order's page.
    link: str = ""
    link_text: str = ""


def parcel_letter(kind: MessageKind, order: Order, parcel: Shipment) -> Letter:
    """The mail of this kind about a parcel that was loaded with its contents."""
    letter = replace(_PARCEL_LETTERS[kind](order, parcel), units=parcel.contents, facts=_tracking(parcel))
    if kind in _UNDER_WAY and parcel.tracking_url:
        return replace(letter, link=parcel.tracking_url, link_text=_("Track the parcel"))
    return letter


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


_PARCEL_LETTERS: dict[MessageKind, Callable[[Order, Shipment], Letter]] = {
    MessageKind.PARCEL_POSTED: _posted,
    MessageKind.PARCEL_DELIVERED: _delivered,
    MessageKind.PARCEL_UNDELIVERED: _undelivered,
    MessageKind.PARCEL_RETURNED: _returned,
}
PARCEL_KINDS = frozenset(_PARCEL_LETTERS)
# Where the carrier's page tells what comes next.
_UNDER_WAY = {MessageKind.PARCEL_POSTED, MessageKind.PARCEL_UNDELIVERED}
