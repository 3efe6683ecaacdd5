"""The confirmation of a paid order, and the notice of it to staff."""

from typing import Any

from django.utils.translation import gettext as _

from checkout import links
from checkout.letters.letter import Letter, LetterType
from checkout.models import MessageKind, Order
from config.formats import money, translated


def _confirmation(order: Order, _topic: Any) -> Letter:
    return Letter(_("Your order %(number)s is confirmed") % {"number": order.number}, template="confirmation")


def _new_order(order: Order, _topic: Any) -> Letter:
    """Names nobody: who may see the shopper's data signs in for it."""
    facts = {"number": order.number, "total": money(order.total, order.currency)}
    return Letter(
        _("New order %(number)s: %(total)s") % facts,
        [_("Order %(number)s of %(total)s is paid.") % facts],
        units=order.sold,
        facts=[(_("Delivery"), translated(order.quote.name))],
        link=links.staff_url(order),
        link_text=_("Open the order"),
        template="notice",
    )


LETTERS = {
    MessageKind.CONFIRMATION: LetterType(_confirmation),
    MessageKind.NEW_ORDER: LetterType(_new_order, is_for_staff=True),
}
