"""Mails of text alone, from the shop."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from config.formats import seller


def send(address: str, subject: str, template: str, **context: Any) -> None:
    """Send the rendered template in the active language. `subject` may name the shop, as `%(shop)s`.

    Raises what the mail backend raises.
    """
    context |= {"shop_name": settings.SHOP_NAME, "seller": seller()}
    send_mail(
        subject=subject % {"shop": settings.SHOP_NAME},
        message=render_to_string(template, context),
        from_email=None,
        recipient_list=[address],
    )
