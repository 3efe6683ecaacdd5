"""Mails about an order, in its language, as text and HTML."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from checkout import letters, links
from checkout.models import MessageKind, Order, OutboxMessage, Shipment
from config.db.locks import refuse_in_transaction
from config.formats import seller


@dataclass(frozen=True)
class MailFacts:
    """What the mails of a batch show: their orders with goods, and the parcels that some are about."""

    orders: Mapping[int, Order]
    parcels: Mapping[UUID, Shipment]

    @classmethod
    def of(cls, messages: Collection[OutboxMessage]) -> Self:
        """At most three statements for any number of messages."""
        orders = Order.objects.fetch_with_goods([message.order_id for message in messages])
        wanted = [UUID(message.subject) for message in messages if message.kind in letters.PARCEL_KINDS]
        parcels = Shipment.objects.with_contents().in_bulk(wanted) if wanted else {}
        return cls(orders, parcels)


def send(message: OutboxMessage, facts: MailFacts) -> None:
    """Send the mail that a message promises. Must not be called inside a transaction. Raises what the mail backend
    raises."""
    refuse_in_transaction("The mail server")
    build(message, facts).send()


def build(message: OutboxMessage, facts: MailFacts) -> EmailMultiAlternatives:
    """The mail of a message, in its order's language."""
    order = facts.orders[message.order_id]
    with translation.override(order.language):
        if message.kind == MessageKind.CONFIRMATION:
            return confirmation(order)
        parcel = facts.parcels[UUID(message.subject)]
        letter = letters.parcel_letter(MessageKind(message.kind), order, parcel)
        # A corrected code is another mail, not a repeated one.
        version = f"{message.kind}-{message.subject}-{parcel.tracking_code}"
        return _mail(order, letter.subject, "letter", version, letter=letter)


def confirmation(order: Order) -> EmailMultiAlternatives:
    """Build the confirmation in the active language."""
    subject = _("Your order %(number)s is confirmed") % {"number": order.number}
    return _mail(order, subject, "confirmation", "confirmation")


def _mail(order: Order, subject: str, template: str, version: str, **context: object) -> EmailMultiAlternatives:
    """Each try of a version has the same Message-ID, so a duplicate is recognised."""
    context |= {
        "order": order,
        "order_url": links.order_url(order),
        "shop_name": settings.SHOP_NAME,
        "seller": seller(),
    }
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"checkout/email/{template}.txt", context),
        to=[order.email],
        headers={"Message-ID": _message_id(order, version)},
    )
    mail.attach_alternative(render_to_string(f"checkout/email/{template}.html", context), "text/html")
    return mail


def _message_id(order: Order, version: str) -> str:
    domain = str(settings.DEFAULT_FROM_EMAIL).rsplit("@", 1)[-1].rstrip(">")
    return f"<order-{order.number}-{version.rstrip('-').replace('_', '-')}@{domain}>"
