"""The mails about goods that a shopper gives back: that we know of it, and what we answer."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.utils.translation import gettext as _

from checkout.letters.letter import Letter, LetterType
from checkout.models import MessageKind, Order, PackedUnits, Return, ReturnStatus


def _load(ids: Collection[UUID]) -> Mapping[UUID, Return]:
    return Return.objects.with_contents().in_bulk(ids)


def _asked(order: Order, asked: Return | None) -> Letter | None:
    """At once, as the law asks for a withdrawal (Decreto 7.962, article 5)."""
    if asked is None:
        return None
    if not asked.by_right:
        subject = _("We have received your request to return something of order %(number)s")
        return _letter(order, asked, subject, [_("We look at it, and answer you by e-mail.")])
    subject = _("We have received your withdrawal from order %(number)s")
    return _letter(order, asked, subject, [*_what_comes_next(asked), _money()])


def _what_comes_next(asked: Return) -> list[str]:
    if not any(units.expected for units in asked.contents):
        return [
            _("You have withdrawn from the purchase of these products before they were sent. Nothing to send back.")
        ]
    first = _("You have withdrawn from the purchase of these products. You need not give a reason.")
    how = _("We write to you how to send them back. It costs you nothing.")
    if any(units.not_sent for units in asked.contents):
        return [first, _("Part of them had not been sent yet, and stays with us."), how]
    return [first, how]


def _money() -> str:
    return _("Your money goes back the way that it came. The page of your order shows each refund.")


def _answered(order: Order, asked: Return | None) -> Letter | None:
    """The shop's own words, for goods that are expected or not taken back; once they are here, they say nothing new."""
    if asked is None or asked.answered_at is None:
        return None
    if asked.status == ReturnStatus.REFUSED:
        subject = _("About your request to return something of order %(number)s")
        opening = _("We cannot accept this return.")
    elif asked.status == ReturnStatus.EXPECTED:
        subject = _("How to return your products of order %(number)s")
        opening = _("We are expecting these products.")
    else:
        return None
    return _letter(order, asked, subject, [opening, *([asked.answer] if asked.answer else [])])


def _letter(order: Order, asked: Return, subject: str, paragraphs: list[str]) -> Letter:
    units = [PackedUnits(units.sku, units.name, units.quantity) for units in asked.contents]
    answered = asked.answered_at
    return Letter(
        subject % {"number": order.number},
        paragraphs,
        units=units,
        facts=[(_("Return"), asked.number)],
        # Another answer is another mail, not a repeated one.
        version=f"{answered:%Y%m%d%H%M%S}" if answered else "",
    )


LETTERS = {
    MessageKind.RETURN_ASKED: LetterType(_asked, _load),
    MessageKind.RETURN_ANSWERED: LetterType(_answered, _load),
}
