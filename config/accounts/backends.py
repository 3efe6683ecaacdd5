"""The user of a session: Django's own rules, with shoppers cached for a short time.

Staff are loaded on every request, since they have permissions. A shopper's row is dropped from the cache when it
changes; a write that bypasses the model (or happens while Redis is down) shows after `USER_SECONDS`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest

from config.accounts import guesses
from config.accounts.models import User
from config.cache import cached, declare, drop_on_commit
from config.rate_limits import undo

USER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Remembered:
    """A shopper: every column but the password hash, which must not be in Redis; `session_hash` verifies the
    session."""

    id: int
    email: str
    full_name: str
    is_active: bool
    is_staff: bool
    is_superuser: bool
    last_login: datetime | None
    date_joined: datetime
    session_hash: str


# In the order in which `from_db` takes them.
COLUMNS = [field.attname for field in User._meta.concrete_fields if field.attname != "password"]
declare("account", of=Remembered | None)


class RememberingBackend(ModelBackend):
    """Signs in as Django does, with limits for wrong passwords at every entrance."""

    def authenticate(self, request: HttpRequest | None, *names: Any, **credentials: Any) -> User | None:
        """The active user with this address and password, or None. Raises RateLimited after too many wrong ones."""
        email = credentials.get("username", credentials.get(User.USERNAME_FIELD))
        if request is None or email is None:
            return super().authenticate(request, *names, **credentials)
        counted = guesses.begin(request, str(email))
        user = super().authenticate(request, *names, **credentials)
        if user is not None:
            undo(counted)
        return user

    def get_user(self, user_id: Any) -> User | None:
        """The active user with this id, or None. No statement for a shopper in the cache."""
        remembered = cached("account", str(user_id), USER_SECONDS, lambda: _remember(user_id))
        if remembered is None:
            return super().get_user(user_id)
        user = User.from_db(DEFAULT_DB_ALIAS, COLUMNS, [getattr(remembered, column) for column in COLUMNS])
        user.session_hash = remembered.session_hash
        return user


def _remember(user_id: Any) -> Remembered | None:
    user = User.objects.filter(pk=user_id, is_active=True, is_staff=False).first()
    if user is None:
        return None
    columns = {column: getattr(user, column) for column in COLUMNS}
    return Remembered(**columns, session_hash=user.get_session_auth_hash())


def forget_user(instance: User, **_signal: Any) -> None:
    """Receiver: drops the cached user once the change has committed."""
    drop_on_commit("account", str(instance.pk))
