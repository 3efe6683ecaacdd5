"""What django-allauth asks of this shop: how it stores and mails."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.http import Http404, HttpRequest
from django.utils.translation import get_language

from config.accounts import services, tasks
from config.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def set_password(self, user: User, password: str) -> None:
        services.change_password(user, password)

    def send_notification_mail(self, template_prefix: str, user: User, *_context: Any, **_options: Any) -> None:
        """Queued: nobody waits for the mail server. `account/email/password_changed` is sent by `password_changed`."""
        tasks.send_notice_soon(template_prefix.rpartition("/")[2], user.pk, get_language() or "pt-br")

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC, signup: bool
    ) -> None:
        """Queued by id: the worker makes the link."""
        tasks.send_confirmation_soon(emailconfirmation.email_address.pk, get_language() or "pt-br")

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        if not services.confirm_address(email_address):
            raise Http404
        return True
