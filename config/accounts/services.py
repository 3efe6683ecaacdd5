"""What can be done with an account."""

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from rest_framework.authtoken.models import Token

from config.accounts.exceptions import EmailTaken, WrongCredentials
from config.accounts.models import User


def sign_up(email: str, password: str, full_name: str = "") -> User:
    """A new account. Raises EmailTaken, whatever the case of the letters; the password has been checked before."""
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, full_name=full_name.strip())
    except IntegrityError as error:
        raise EmailTaken(field="email") from error


def check_password(password: str, email: str, full_name: str = "") -> None:
    """Raise Django's ValidationError where the password is too weak for this person."""
    validate_password(password, User(email=email, full_name=full_name))


def check_credentials(request: HttpRequest | None, email: str, password: str) -> User:
    """The active user with this address and password. Raises WrongCredentials, as slowly for nobody as for somebody."""
    user = authenticate(request, email=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    return user


def give_token(request: HttpRequest, user: User) -> str:
    """The key an app signs its requests with, one a person for all devices. Announced as a sign-in, so carts merge."""
    token, _created = Token.objects.get_or_create(user=user)
    user_logged_in.send(sender=User, request=request, user=user)
    return str(token.key)


def rename(user: User, full_name: str | None = None) -> User:
    """Give the person another name; None leaves it."""
    if full_name is not None:
        user.full_name = full_name.strip()
        user.save(update_fields=["full_name"])
    return user


def take_tokens_back(user: User) -> None:
    """No app of this person is signed in any more."""
    Token.objects.filter(user=user).delete()


def change_password(user: User, password: str) -> None:
    """Set a new password. Whoever got in with the old one, by browser or app, is out."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        take_tokens_back(user)
