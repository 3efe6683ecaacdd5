"""The browser's cart: guests carry its token in a signed cookie, users have the live cart of their account."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cart import snapshot
from cart.exceptions import CartNotFound
from cart.models import LIVE
from cart.snapshot import CartSnapshot

COOKIE = "cart"
SALT = "cart.browser"


def guest_token(request: HttpRequest) -> str:
    """The cart token from the cookie, or "" if it is missing, expired or tampered with."""
    age = settings.CART_LIFETIME_DAYS * 24 * 60 * 60
    return request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=age) or ""


def user_id_of(request: HttpRequest) -> int | None:
    return request.user.pk if request.user.is_authenticated else None


def current_cart(request: HttpRequest) -> CartSnapshot | None:
    """The visitor's live cart, or None. Read once per request."""
    known = vars(request)
    if "_cart" not in known:
        known["_cart"] = _load(request)
    cart: CartSnapshot | None = known["_cart"]
    return cart


def show(request: HttpRequest, cart: CartSnapshot | None) -> None:
    """Set the request's cart. Call it after a change, so that the header shows the new count."""
    vars(request)["_cart"] = cart


def show_ordered(request: HttpRequest, token: str) -> None:
    """The cart with this token is known to be ordered: if it is this guest's, the header need not read it."""
    if user_id_of(request) is None and guest_token(request) == token:
        show(request, None)


def _load(request: HttpRequest) -> CartSnapshot | None:
    user_id = user_id_of(request)
    if user_id is not None:
        return snapshot.load_live(user_id)
    token = guest_token(request)
    if not token:
        return None
    try:
        cart = snapshot.load(token, None)
    except CartNotFound:
        return None
    return cart if cart.status in LIVE else None


def keep_cart(response: HttpResponse, cart: CartSnapshot) -> HttpResponse:
    """Set a guest's cookie for the cart's lifetime; a user's cart needs none."""
    if cart.user_id is None:
        response.set_signed_cookie(
            COOKIE,
            cart.id,
            salt=SALT,
            max_age=settings.CART_LIFETIME_DAYS * 24 * 60 * 60,
            httponly=True,
            samesite="Lax",
            secure=settings.HTTPS,
        )
    return response
