"""What a cart does when somebody signs in."""

from typing import Any

from django.http import HttpRequest

from cart import services, session
from config.accounts.models import User


def merge_guest_cart(request: HttpRequest | None, user: User, **_: Any) -> None:
    """What was put into the guest's cart goes into the user's."""
    token = session.guest_token(request) if request else ""
    if token:
        services.merge_carts(token, user.pk)
