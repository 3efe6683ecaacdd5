"""What can be done with an account."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from rest_framework.authtoken.models import Token

from config.accounts.exceptions import EmailTaken, WrongCredentials
from config.accounts.models import User


def sign_up(email: str, password: str, full_name: str = "") -> User:
    """Create an account; the caller has validated the password. Raises EmailTaken, ignoring case."""
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, full_name=full_name.strip())
    except IntegrityError as error:
        raise EmailTaken(field="email") from error


def check_password(password: str, email: str, full_name: str = "") -> None:
    """Raise Django's ValidationError where the password is too weak for this person."""
    validate_password(password, User(email=email, full_name=full_name))


def check_credentials(request: HttpRequest | None, email: str, password: str) -> User:
    """The active user with this address and password. Raises WrongCredentials, as slowly if there is no account."""
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    return user


def issue_token(request: HttpRequest, user: User) -> str:
    """The user's API token, one for all devices. Sends user_logged_in, so that carts merge."""
    token, _created = Token.objects.get_or_create(user=user)
    user_logged_in.send(sender=User, request=request, user=user)
    return str(token.key)


def rename(user: User, full_name: str | None = None) -> User:
    """Change the full name; None keeps it."""
    if full_name is not None:
        user.full_name = full_name.strip()
        user.save(update_fields=["full_name"])
    return user


def revoke_tokens(user: User) -> None:
    """Sign the user out of every app."""
    Token.objects.filter(user=user).delete()


def change_password(user: User, password: str) -> None:
    """Set a new password. Ends every session and token opened with the old one."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])


def revoke_old_tokens(instance: User, created: bool, update_fields: Collection[str] | None, **_signal: Any) -> None:
    """Receiver: whoever changes a password (staff, a command, the owner), tokens issued under the old one end.

    A hash that Django upgrades at sign-in is no new password, and keeps them.
    """
    if created or (update_fields is not None and "password" not in update_fields):
        return
    # Django keeps a new raw password until it is saved; an unusable one has none.
    if getattr(instance, "_password", None) is not None or not instance.has_usable_password():
        revoke_tokens(instance)
