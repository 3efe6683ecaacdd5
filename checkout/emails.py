"""Mails about an order, in its language, as text and HTML."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from checkout import links
from checkout.letters import LETTERS, Letter, Load
from checkout.models import MessageKind, Order, OutboxMessage
from config.db.locks import refuse_in_transaction
from config.formats import seller
from config.resilience.mail_connection import MailConnection


@dataclass(frozen=True)
class MailFacts:
    """What the mails of a batch show: their orders with goods, and the topics that some are about."""

    orders: Mapping[int, Order]
    topics: Mapping[Load, Mapping[UUID, Any]]

    @classmethod
    def of(cls, messages: Collection[OutboxMessage]) -> Self:
        """Two statements, and those of each `load`, for any number of messages."""
        orders = Order.objects.fetch_with_goods([message.order_id for message in messages])
        wanted: dict[Load, list[UUID]] = defaultdict(list)
        for message in messages:
            load = LETTERS[MessageKind(message.kind)].load
            if load is not None:
                wanted[load].append(UUID(message.subject))
        return cls(orders, {load: load(subjects) for load, subjects in wanted.items()})

    def letter(self, message: OutboxMessage) -> Letter | None:
        """What the mail says in the active language; None if it is no longer true."""
        of_kind = LETTERS[MessageKind(message.kind)]
        topic = self.topics[of_kind.load].get(UUID(message.subject)) if of_kind.load else None
        return of_kind.write(self.orders[message.order_id], topic)


def send(message: OutboxMessage, facts: MailFacts, mail_connection: MailConnection) -> bool:
    """Send the mail that a message promises; returns False, with nothing sent, if it is no longer true. Must not be
    called inside a transaction. Raises what the mail backend raises."""
    refuse_in_transaction("The mail server")
    mail = build(message, facts)
    if mail is not None:
        mail_connection.send(mail)
    return mail is not None


def build(message: OutboxMessage, facts: MailFacts) -> EmailMultiAlternatives | None:
    """The mail of a message, in its reader's language; None if it is no longer true, or there is nobody to read it."""
    order = facts.orders[message.order_id]
    to, language = [order.email], order.language
    if LETTERS[MessageKind(message.kind)].is_for_staff:
        to, language = settings.NEW_ORDER_MAILS, settings.LANGUAGE_CODE
    if not any(to):
        return None
    with translation.override(language):
        letter = facts.letter(message)
        return _mail(order, letter, to, _message_id(order, message, letter)) if letter else None


def _mail(order: Order, letter: Letter, to: list[str], message_id: str) -> EmailMultiAlternatives:
    context = {
        "order": order,
        "order_url": links.order_url(order),
        "letter": letter,
        "shop_name": settings.SHOP_NAME,
        "seller": seller(),
    }
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=render_to_string(f"checkout/email/{letter.template}.txt", context),
        to=to,
        headers={"Message-ID": message_id},
    )
    mail.attach_alternative(render_to_string(f"checkout/email/{letter.template}.html", context), "text/html")
    return mail


def _message_id(order: Order, message: OutboxMessage, letter: Letter) -> str:
    """The same at each try, so that a duplicate is recognised."""
    version = "-".join(part for part in (message.kind, message.subject, letter.version) if part)
    domain = str(settings.DEFAULT_FROM_EMAIL).rsplit("@", 1)[-1].rstrip(">")
    return f"<order-{order.number}-{version.replace('_', '-')}@{domain}>"
