"""Merges carts on sign-in."""

from typing import Any

from django.http import HttpRequest

from cart import services, session
from config.accounts.models import User


def merge_guest_cart(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Merge the browser's guest cart into the user's."""
    token = session.guest_token(request) if request else ""
    if token:
        services.merge_carts(token, user.pk)
