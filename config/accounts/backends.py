"""Who is behind a session: Django's own rules, with the answer remembered for a moment.

Staff are read anew at every request, since their rights decide. A shopper's row is dropped from the cache when it
changes; what is written past the model (or while Redis is away) shows after `USER_SECONDS`.
"""

from typing import Any, NamedTuple

from django.contrib.auth.backends import ModelBackend
from django.db import DEFAULT_DB_ALIAS

from config.accounts.models import User
from config.cache import cached, declare, drop_on_commit

declare("account")

USER_SECONDS = 60


class Remembered(NamedTuple):
    """A shopper without the password, whose hash has no business in Redis; sessions are checked by `session_hash`."""

    fields: dict[str, Any]
    session_hash: str


class RememberingBackend(ModelBackend):
    """Signs in as Django does."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with this id, or None. No statement for a shopper who was here a moment ago."""
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
    """Receiver: once the change has committed, the user is read anew."""
    drop_on_commit("account", str(instance.pk))
