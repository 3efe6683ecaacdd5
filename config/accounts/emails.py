"""Account e-mails, in the language of the person who asked."""

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext

from config import plain_mail
from config.accounts.models import SignUp, User


def send_password_reset(email: str, language: str) -> None:
    """Mail a password reset link to the user with this address; does nothing if there is none.

    Raises what the mail server raises. The link works once, and not after the next sign-in or a change of address.
    """
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    with translation.override(language):
        subject = gettext("A new password for %(shop)s")
        _send(user.email, subject, "password_reset", user=user, reset_url=_reset_url(user))


def send_notice(name: str, user_id: int, language: str) -> None:
    """Tell the owner what was done with the account; does nothing if it is gone.

    Raises what the mail server raises, and KeyError for a notice that has no text.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    with translation.override(language):
        subjects = {"password_changed": gettext("Your password at %(shop)s was changed")}
        reset_url = f"{settings.SITE_URL}{reverse('accounts:password_reset')}"
        _send(user.email, subjects[name], name, user=user, reset_url=reset_url)


def send_invitation(user_id: int, language: str) -> None:
    """Mail a link to choose a password to whom staff have invited; does nothing if the account is gone or closed.

    Raises what the mail server raises.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    with translation.override(language):
        subject = gettext("Choose your password for %(shop)s")
        back_office = f"{settings.SITE_URL}{reverse('admin:index')}" if user.is_staff else ""
        _send(user.email, subject, "invitation", user=user, link=_reset_url(user), back_office=back_office)


def send_confirmation(address_id: int, language: str) -> None:
    """Mail the link that proves an account's address; does nothing if it is proven, or no longer the account's.

    Raises what the mail server raises.
    """
    address = EmailAddress.objects.select_related("user").filter(pk=address_id, verified=False).first()
    if address is None or address.email != address.user.email or not address.user.is_active:
        return
    with translation.override(language):
        link = f"{settings.SITE_URL}{reverse('accounts:confirm', args=[EmailConfirmationHMAC.create(address).key])}"
        _send(address.email, gettext("Confirm your e-mail at %(shop)s"), "confirmation", user=address.user, link=link)


def send_sign_up(wish: SignUp, key: str) -> None:
    """Mail the link that opens an account. Raises what the mail server raises."""
    with translation.override(wish.language):
        link = f"{settings.SITE_URL}{reverse('accounts:sign_up_finish', args=[key])}"
        _send(wish.email, gettext("Your account at %(shop)s"), "sign_up", link=link)


def send_already_known(user: User, language: str) -> None:
    """Tell the owner that someone wanted another account with this address. Raises what the mail server raises."""
    with translation.override(language):
        links = {name: f"{settings.SITE_URL}{reverse(f'accounts:{name}')}" for name in ("sign_in", "password_reset")}
        _send(user.email, gettext("Your account at %(shop)s"), "already_known", user=user, **links)


def _send(address: str, subject: str, template: str, **context: Any) -> None:
    plain_mail.send(address, subject, f"accounts/email/{template}.txt", **context)


def _reset_url(user: User) -> str:
    """Built from SITE_URL, not from the request: the client controls the Host header."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return f"{settings.SITE_URL}{reverse('accounts:password_reset_confirm', args=[uid, token])}"
