"""What can be done with an account."""

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.accounts.exceptions import EmailTaken, WrongCredentials
from config.accounts.models import User
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor

INVITE = AuditEvent("account.invite", _("mailed a link to choose a password"))


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


def prove_address(user: User) -> None:
    """Write down that the owner of the account reads the mail of its address.

    Sends `email_confirmed`, in a transaction. What this account proved of other addresses, and others of this one, is
    out of date and goes.
    """
    with transaction.atomic():
        mine, same = Q(user=user), Q(email=user.email)
        EmailAddress.objects.filter((mine & ~same) | (same & ~mine)).delete()
        now = {"verified": True, "primary": True}
        address, _created = EmailAddress.objects.update_or_create(user=user, email=user.email, defaults=now)
        email_confirmed.send(sender=EmailAddress, request=None, email_address=address)


def confirm_address(address: EmailAddress) -> bool:
    """`prove_address`, unless the account has another address by now; returns whether it did."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=address.user_id)
        if user.email != address.email:
            return False
        prove_address(user)
    return True


def address_to_prove(user: User) -> EmailAddress:
    """The row to which a link can be mailed; `prove_address` is for whoever opens it."""
    address, _created = EmailAddress.objects.get_or_create(user=user, email=user.email)
    return address


def has_proven_address(user: User) -> bool:
    proven: bool = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    return proven


def rename(user: User, full_name: str | None = None) -> User:
    """Change the full name; None keeps it."""
    if full_name is not None:
        user.full_name = full_name.strip()
        user.save(update_fields=["full_name"])
    return user


def change_password(user: User, password: str) -> None:
    """Set a new password. Ends every session and token opened with the old one."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])


def reset_password(user: User, password: str) -> None:
    """As `change_password`, by whoever followed the link that was mailed: it proves the address."""
    with transaction.atomic():
        change_password(user, password)
        prove_address(user)


def end_password(user: User, *, by: Actor, reason: str) -> None:
    """End the password, and all that was signed in with it, until the owner chooses one: have a link mailed."""
    with transaction.atomic():
        audit.record(by, INVITE, user, reason=reason)
        user.set_unusable_password()
        user.save(update_fields=["password"])
