"""Staff who come and go, by whichever door: the admin, the shop's own page, an app."""

from typing import Any

from config.accounts.models import User
from config.audit.services import record
from config.audit.verbs import SIGN_IN, SIGN_OUT


def signed_in(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_IN, user)


def signed_out(user: Any, **_signal: Any) -> None:
    if isinstance(user, User) and user.is_staff:
        record(user, SIGN_OUT, user)
