"""Mails about an order, in its language, as text and HTML."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from checkout import links
from checkout.models import Order
from config.db.locks import refuse_in_transaction


def send_confirmation(order: Order) -> None:
    """Send the confirmation of an order that has its goods loaded. Must not be called inside a transaction. Raises what
    the mail backend raises."""
    refuse_in_transaction("The mail server")
    with translation.override(order.language):
        confirmation(order).send()


def confirmation(order: Order) -> EmailMultiAlternatives:
    """Build the confirmation in the active language. Each try has the same Message-ID, so a duplicate is recognised."""
    context = {"order": order, "order_url": links.order_url(order), "shop_name": settings.SHOP_NAME}
    mail = EmailMultiAlternatives(
        subject=_("Your order %(number)s is confirmed") % {"number": order.number},
        body=render_to_string("checkout/email/confirmation.txt", context),
        to=[order.email],
        headers={"Message-ID": f"<order-{order.number}-confirmation@{_mail_domain()}>"},
    )
    mail.attach_alternative(render_to_string("checkout/email/confirmation.html", context), "text/html")
    return mail


def _mail_domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rsplit("@", 1)[-1].rstrip(">")
