"""The guest's cart in the browser: a signed cookie that holds its token."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

NAME = "cart"
_SALT = "cart.cookies"


def guest_token(request: HttpRequest) -> str | None:
    """The token of the guest's cart, or None where there is no cookie, or one that we did not sign."""
    token = request.get_signed_cookie(NAME, default=None, salt=_SALT, max_age=_lifetime_seconds())
    return token or None


def remember(response: HttpResponseBase, token: str) -> None:
    """Have the browser keep the cart for as long as we do."""
    response.set_signed_cookie(
        NAME,
        token,
        salt=_SALT,
        max_age=_lifetime_seconds(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponseBase) -> None:
    """The browser need not name the cart any more: it was ordered, or merged into the user's."""
    response.delete_cookie(NAME, samesite="Lax")


def _lifetime_seconds() -> int:
    return settings.CART_LIFETIME_DAYS * 24 * 60 * 60
