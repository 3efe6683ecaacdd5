"""Staff who come and go, and whoever tries to, by whichever door: the admin, the shop's own page, an app."""

from typing import Any

from django.http import HttpRequest

from config.accounts.models import User
from config.audit.events import SIGN_IN, SIGN_IN_FAILED, SIGN_OUT
from config.audit.services import record
from config.rate_limits import RateLimit


def signed_in(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_IN, user)


def signed_out(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_OUT, user)


def failed_to_sign_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    """Names the account that was meant, never what was typed: people type passwords there too.

    The log is for good, so the tries in it are counted: those at one member of staff by themselves, those at shoppers
    and at nobody together, so that these cannot crowd out those.
    """
    typed = str(credentials.get("username") or credentials.get("email") or "")
    account = User.objects.filter(email=typed.strip().lower()).first()
    counted_as = f"staff-{account.pk}" if account and account.is_staff else "others"
    if RateLimit().allow(request or HttpRequest(), "sign_in_log", counted_as):
        record(None, SIGN_IN_FAILED, account or User)
