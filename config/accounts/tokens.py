"""Tokens of apps: one for each device, kept as a hash, ended by their owner, by time or by a new password.

Releases before kept one token a user in clear text (`authtoken`). Such a token is taken over at its first use; its row
stays for a day, since servers of the release before know no other.
"""

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authtoken.models import Token

from config.accounts.models import ApiToken, User

DEVICES_PER_USER = 20
# A deployment, with both releases side by side, is over by then.
IN_CLEAR_FOR = timedelta(days=1)


def issue_token(request: HttpRequest, user: User, name: str = "") -> tuple[ApiToken, str]:
    """A token for one more device, and its key, seen only here. Sends user_logged_in, so that carts merge.

    Beyond DEVICES_PER_USER the one that was not used for longest ends.
    """
    key = secrets.token_hex(20)
    token = ApiToken.objects.keep(user, key, name=name)
    newest = ApiToken.objects.filter(user=user).order_by("-used_at", "id").values("pk")[:DEVICES_PER_USER]
    forget(ApiToken.objects.filter(user=user).exclude(pk__in=newest))
    user_logged_in.send(sender=User, request=request, user=user)
    return token, key


def check_token(key: str) -> ApiToken | None:
    """The token with this key, with its user; None if there is none, or it has ended. Its use renews it."""
    token = ApiToken.objects.with_key(key) or _take_over(key)
    if token is None or not token.opens:
        return None
    if token.is_renewal_due:
        ApiToken.objects.renew(token)
        if token.in_clear_too and timezone.now() - token.created_at >= IN_CLEAR_FOR:
            _forget_clear_text(token)
    return token


def _take_over(key: str) -> ApiToken | None:
    """The old token with this key as one of its own. Its lock makes whoever revokes it at this moment wait."""
    with transaction.atomic():
        old = Token.objects.select_related("user").select_for_update(of=("self",)).filter(key=key).first()
        if old is None:
            return None
        return ApiToken.objects.keep(old.user, key, in_clear_too=True)


def _forget_clear_text(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk).update(in_clear_too=False)
    Token.objects.filter(user=token.user).delete()


def forget(ended: QuerySet[Any, Any]) -> None:
    """Delete these, and what is left of them in clear text, which would be taken over once more."""
    Token.objects.filter(user__in=ended.filter(in_clear_too=True).values("user")).delete()
    ended.delete()


def tokens_of(user: User) -> list[ApiToken]:
    """The devices whose apps are signed in, the one used last first."""
    return list(ApiToken.objects.of(user))


def revoke_token(user: User, token_id: UUID) -> bool:
    """Sign one of the user's apps out; whether there was such a one."""
    with transaction.atomic():
        token = ApiToken.objects.select_for_update().filter(user=user, pk=token_id).first()
        if token is None:
            return False
        if token.in_clear_too:
            Token.objects.filter(user=user).delete()
        token.delete()
        return True


def revoke_tokens(user: User) -> None:
    """Sign the user out of every app. The old token goes first: whoever is taking it over is done by then."""
    Token.objects.filter(user=user).delete()
    ApiToken.objects.filter(user=user).delete()


def revoke_old_tokens(instance: User, created: bool, update_fields: Collection[str] | None, **_signal: Any) -> None:
    """Receiver: whoever changes a password (staff, a command, the owner), tokens issued under the old one end.

    A hash that Django upgrades at sign-in is no new password, and keeps them.
    """
    if created or (update_fields is not None and "password" not in update_fields):
        return
    # Django keeps a new raw password until it is saved; an unusable one has none.
    if getattr(instance, "_password", None) is not None or not instance.has_usable_password():
        revoke_tokens(instance)
