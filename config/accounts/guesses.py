"""Guessed passwords: limits that slow whoever guesses, and leave the owner a way in.

Only wrong passwords stay counted. An attempt is counted before its password is checked, so that many at once gain
nothing, and given back if it was right. Whether a refused password was right, nobody learns.

A limit per account alone would let anybody lock its owner out. So each network has a limit of its own for an account.
Beyond `sign_in_account`, an attack from many networks, every network is left few tries (`sign_in_attacked`): enough for
an owner who knows the password. A browser that has signed in before has a limit of its own, whatever others do: it
proves so with a signed cookie, OWASP's device cookie.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from config.accounts.models import User
from config.rate_limits import RateLimited, Tally, account_subject, network_of, tally, undo

COOKIE = "devices"
SALT = "config.accounts.guesses"
COOKIE_AGE_SECONDS = 400 * 24 * 60 * 60  # as long as browsers keep any cookie
# A browser that a family shares.
ACCOUNTS_PER_DEVICE = 5
_SIGNED_IN = "_signed_in_account"


def begin(request: HttpRequest, email: str) -> list[Tally]:
    """Count an attempt at this account, to be given back with `undo` if the password is right. Raises RateLimited."""
    account = account_subject(email)
    device = _known_accounts(request).get(account)
    if device:
        counted = tally(("sign_in_device", f"{account}-{device}"))
        if not counted[0].exceeded:
            return counted
    nearby = f"{account}-{network_of(request, ipv4_prefix=24, ipv6_prefix=48)}"
    counted = tally(
        ("sign_in", f"from-{network_of(request)}"),
        ("sign_in_network", nearby),
        ("sign_in_account", account),
        ("sign_in_attacked", nearby),
    )
    address, network, everywhere, attacked = counted
    reasons = [limit for limit in (address, network) if limit.exceeded]
    if everywhere.exceeded and attacked.exceeded:
        reasons.append(attacked)
    if reasons:
        undo(counted[1:])  # no password was tried
        raise RateLimited(retry_after=max(limit.seconds_left for limit in reasons))
    return counted


def _known_accounts(request: HttpRequest) -> dict[str, str]:
    """The accounts that have signed in on this browser, each with the name of the browser for it."""
    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_AGE_SECONDS)
    except signing.BadSignature:
        return {}
    return known if isinstance(known, dict) else {}


def note_sign_in(request: HttpRequest | None, user: User, **_signal: Any) -> None:
    """Receiver of user_logged_in: `keep_device` will remember this browser."""
    if request is not None:
        setattr(request, _SIGNED_IN, account_subject(user.email))


def keep_device(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie of a browser that has just signed in."""
    account = getattr(request, _SIGNED_IN, None)
    if account is None:
        return
    known = _known_accounts(request)
    name = known.pop(account, None) or secrets.token_urlsafe(12)
    newest = dict([*known.items(), (account, name)][-ACCOUNTS_PER_DEVICE:])
    response.set_cookie(
        COOKIE,
        signing.dumps(newest, salt=SALT),
        max_age=COOKIE_AGE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.HTTPS,
    )
