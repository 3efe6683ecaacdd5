"""Merges carts on sign-in."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from cart import services, session
from cart.merging import StayingLine, StaysBecause
from config.accounts.models import User

NAMES_SHOWN = 5


def merge_guest_cart(request: HttpRequest | None, user: User, **_options: Any) -> None:
    """Merge the browser's guest cart into the user's, and say what stays there."""
    token = session.guest_token(request) if request else ""
    if request is None or not token:
        return
    staying = services.merge_carts(token, user.pk)
    for reason in StaysBecause:
        if lines := [line for line in staying if line.reason == reason]:
            messages.warning(request, _sentence(reason, lines), fail_silently=True)


def _sentence(reason: StaysBecause, lines: Sequence[StayingLine]) -> str:
    names = ", ".join(line.name for line in lines[:NAMES_SHOWN]) + (", …" if len(lines) > NAMES_SHOWN else "")
    if reason == StaysBecause.CURRENCY:
        return _(
            "Not in the currency of your cart: %(names)s. We have kept this in the cart without account, which you see "
            "in this browser after signing out. Order it separately."
        ) % {"names": names}
    return _(
        "A cart can hold up to %(most)d different products, and these no longer fit: %(names)s. We have kept them in "
        "the cart without account, which you see in this browser after signing out."
    ) % {"most": settings.MAX_CART_LINES, "names": names}
