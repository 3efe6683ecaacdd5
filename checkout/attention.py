"""What needs a person in the checkout."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.discrepancies import Discrepancy, discrepancies
from checkout.models import OutboxMessage
from config.telemetry.attention import AttentionItem, Rows
from payments.attention import OPEN_FOR

# Discrepancies are looked for among the orders of this period, at most this many of them.
LOOKBACK = timedelta(days=30)
MAX_ORDERS = 20_000
# A younger order may still be settling, or its money going back through the outbox.
SETTLED_FOR = timedelta(minutes=2)


def money_out_of_balance() -> list[Discrepancy]:
    now = timezone.now()
    return discrepancies(now - LOOKBACK, now - SETTLED_FOR, MAX_ORDERS)


def outbox_late() -> Rows:
    return OutboxMessage.objects.late(timezone.now() - OPEN_FOR)


ITEMS = [
    AttentionItem(
        "money_out_of_balance",
        _("Captured without a paid order"),
        _("Open the order and refund it, or ask the provider. By our own books: newest orders of the last 30 days."),
        "payments.view_payment",
        "MoneyOutOfBalance",
        money_out_of_balance,
    ),
    AttentionItem(
        "outbox_late",
        _("E-mails and refunds stuck in the outbox"),
        _("Read the error, fix its cause, and send them again from their list."),
        "checkout.view_outboxmessage",
        "OutboxOld",
        outbox_late,
        "checkout_outboxmessage",
    ),
]
