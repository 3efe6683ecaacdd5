"""Money that needs attention: what each section of the money page lists, and where to fix each row.

Every section is one or two statements over a partial index of open rows, or over the newest orders; empty is good.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout.discrepancies import discrepancies
from checkout.models import OutboxMessage
from config.backoffice.base import reference_link
from config.formats import money
from payments.models import PaymentAttempt, Refund, StrayCharge, WebhookEvent

# After this long no process is working on it any more.
OPEN_FOR = timedelta(minutes=5)
# A younger order may still be settling.
SETTLED_FOR = timedelta(minutes=2)
LOOKBACK = timedelta(days=30)
MAX_ORDERS = 20_000
MAX_ROWS = 50


@dataclass(frozen=True)
class AttentionItem:
    """One row: a link to where to fix it, what is wrong, how much, and since when."""

    link: SafeString | str
    what: str
    amount: Decimal | None
    currency: str
    since: datetime


@dataclass(frozen=True)
class Section:
    """One section of the page; `remedy` says what to do about its rows, `list_url` leads to the full list."""

    title: str | Promise
    remedy: str | Promise
    permission: str
    rows: Callable[[], Iterable[AttentionItem]]
    list_url: Callable[[], str] | None = None

    def shown(self) -> tuple[list[AttentionItem], bool]:
        """The first rows, and whether there are more."""
        rows = list(islice(self.rows(), MAX_ROWS + 1))
        return rows[:MAX_ROWS], len(rows) > MAX_ROWS


def captured_without_order() -> Iterable[AttentionItem]:
    now = timezone.now()
    for found in discrepancies(now - LOOKBACK, now - SETTLED_FOR, MAX_ORDERS):
        what = gettext("captured %(captured)s, paid back %(refunded)s, disputed %(disputed)s, order %(status)s") % {
            "captured": money(found.captured, found.currency),
            "refunded": money(found.refunded, found.currency),
            "disputed": money(found.disputed, found.currency),
            "status": found.status.label,
        }
        yield AttentionItem(reference_link(found.number), what, found.off, found.currency, found.placed_at)


def stuck_attempts() -> Iterable[AttentionItem]:
    for attempt in PaymentAttempt.objects.stuck(timezone.now() - OPEN_FOR)[: MAX_ROWS + 1]:
        payment = attempt.payment
        link = reference_link(payment.reference)
        yield AttentionItem(link, attempt.get_status_display(), payment.amount, payment.currency, attempt.created_at)


def refunds_due() -> Iterable[AttentionItem]:
    """Due in the outbox, started but unanswered, or refused."""
    for message in OutboxMessage.objects.refunds_due()[: MAX_ROWS + 1]:
        order = message.order
        what = message.last_error or gettext("not sent yet")
        yield AttentionItem(
            reference_link(order.number),
            what,
            message.owed,  # type: ignore[attr-defined]
            order.currency,
            message.created_at,
        )
    failed = Refund.objects.failed_for_good().order_by("created_at")[: MAX_ROWS + 1]
    for refund in [*Refund.objects.stale(timezone.now() - OPEN_FOR)[: MAX_ROWS + 1], *failed]:
        payment = refund.payment
        what = " · ".join(part for part in (str(refund.get_status_display()), refund.error) if part)
        yield AttentionItem(reference_link(payment.reference), what, refund.amount, payment.currency, refund.created_at)


def unmatched_charges() -> Iterable[AttentionItem]:
    for charge in StrayCharge.objects.open()[: MAX_ROWS + 1]:
        url = reverse("admin:payments_straycharge_change", args=[charge.pk])
        link = format_html('<a href="{}">{}</a>', url, charge.provider_reference)
        yield AttentionItem(link, charge.provider, charge.amount, charge.currency, charge.found_at)


def waiting_messages() -> Iterable[AttentionItem]:
    for message in OutboxMessage.objects.late(timezone.now() - OPEN_FOR)[: MAX_ROWS + 1]:
        what = " · ".join(part for part in (str(message.get_kind_display()), message.last_error) if part)
        yield AttentionItem(reference_link(message.order.number), what, None, "", message.created_at)


def waiting_events() -> Iterable[AttentionItem]:
    for event in WebhookEvent.objects.late(timezone.now() - OPEN_FOR)[: MAX_ROWS + 1]:
        url = reverse("admin:payments_webhookevent_change", args=[event.pk])
        link = format_html('<a href="{}">{}</a>', url, event.provider_reference or event.event_id)
        what = " · ".join(part for part in (event.type, event.last_error) if part)
        yield AttentionItem(link, what, None, "", event.received_at)


SECTIONS = [
    Section(
        _("Captured without a paid order"),
        _("Open the order and refund it, or ask the provider. By our own books: newest orders of the last 30 days."),
        "payments.view_payment",
        captured_without_order,
    ),
    Section(
        _("Unmatched charges"),
        _("Find the charge in the provider's dashboard, refund it there, and record here what you did."),
        "payments.view_straycharge",
        unmatched_charges,
        lambda: reverse("admin:payments_straycharge_changelist"),
    ),
    Section(
        _("Payments with unknown outcome"),
        _("Open the order and ask the provider. The sweeper also asks every minute."),
        "payments.view_paymentattempt",
        stuck_attempts,
        lambda: reverse("admin:payments_paymentattempt_changelist") + "?open=5",
    ),
    Section(
        _("Refunds due, open or refused"),
        _("Open the order and continue the refund, or start a new one if it was refused."),
        "payments.view_refund",
        refunds_due,
        lambda: reverse("admin:payments_refund_changelist") + "?open=5",
    ),
    Section(
        _("E-mails and refunds stuck in the outbox"),
        _("Read the error, fix its cause, and send them again from their list."),
        "checkout.view_outboxmessage",
        waiting_messages,
        lambda: reverse("admin:checkout_outboxmessage_changelist") + "?sent=no",
    ),
    Section(
        _("Unhandled provider webhooks"),
        _("They are retried every few seconds; the error says why they fail."),
        "payments.view_webhookevent",
        waiting_events,
        lambda: reverse("admin:payments_webhookevent_changelist") + "?handled=no",
    ),
]
