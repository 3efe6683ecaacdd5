"""The user of a session: Django's own rules, with shoppers cached for a short time.

Staff are loaded on every request, since they have permissions. A shopper's row is dropped from the cache when it
changes; a write that bypasses the model (or happens while Redis is down) shows after `USER_SECONDS`.
"""

from typing import Any, NamedTuple

from django.contrib.auth.backends import ModelBackend
from django.db import DEFAULT_DB_ALIAS

from config.accounts.models import User
from config.cache import cached, declare, drop_on_commit

declare("account")

USER_SECONDS = 60


class Remembered(NamedTuple):
    """A shopper without the password hash, which must not be in Redis; `session_hash` verifies the session."""

    fields: dict[str, Any]
    session_hash: str


class RememberingBackend(ModelBackend):
    """Signs in as Django does."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with this id, or None. No statement for a shopper in the cache."""
        remembered = cached("account", str(user_id), USER_SECONDS, lambda: _remember(user_id))
        if remembered is None:
            return super().get_user(user_id)
        user = User.from_db(DEFAULT_DB_ALIAS, list(remembered.fields), list(remembered.fields.values()))
        user.session_hash = remembered.session_hash
        return user


def _remember(user_id: Any) -> Remembered | None:
    user = User.objects.filter(pk=user_id, is_active=True, is_staff=False).first()
    if user is None:
        return None
    fields = {field.attname: getattr(user, field.attname) for field in User._meta.concrete_fields}
    del fields["password"]
    return Remembered(fields, user.get_session_auth_hash())


def forget_user(instance: User, **_signal: Any) -> None:
    """Receiver: drops the cached user once the change has committed."""
    drop_on_commit("account", str(instance.pk))
