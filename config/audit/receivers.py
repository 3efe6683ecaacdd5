"""Staff sign-ins and sign-outs, and failed sign-ins, from any entry point: the admin, the shop's page, the API."""

from typing import Any

from django.http import HttpRequest

from config.accounts.models import User
from config.audit.events import SIGN_IN, SIGN_IN_FAILED, SIGN_OUT
from config.audit.services import record
from config.rate_limits import is_allowed


def signed_in(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_IN, user)


def signed_out(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_OUT, user)


def failed_to_sign_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    """Records the account that was tried, never what was typed: people type passwords there too.

    The log is permanent, so these entries are rate limited: separately for each member of staff, and together for
    shoppers and unknown accounts, so that those cannot crowd out the entries about staff.
    """
    typed = str(credentials.get("username") or credentials.get("email") or "")
    account = User.objects.filter(email=typed.strip().lower()).first()
    subject = f"staff-{account.pk}" if account and account.is_staff else "others"
    if is_allowed("sign_in_log", subject):
        record(None, SIGN_IN_FAILED, account or User)
