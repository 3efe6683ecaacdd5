"""The confirmation of a paid order."""

from typing import Any

from django.utils.translation import gettext as _

from checkout.letters.letter import Letter, LetterType
from checkout.models import MessageKind, Order


def _confirmation(order: Order, _topic: Any) -> Letter:
    return Letter(_("Your order %(number)s is confirmed") % {"number": order.number}, template="confirmation")


LETTERS = {MessageKind.CONFIRMATION: LetterType(_confirmation)}
