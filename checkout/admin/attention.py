"""How the money page shows what needs a person: where to fix each row, what is wrong, how much, and since when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from checkout.discrepancies import Discrepancy
from checkout.models import OutboxMessage
from config.backoffice.base import moment, reference_link
from config.formats import money
from config.telemetry.attention import AttentionItem, attention_items
from payments.models import ChargeMismatch, Dispute, PaymentAttempt, Refund, StrayCharge, WebhookEvent

MAX_ROWS = 50


@dataclass(frozen=True)
class AttentionRow:
    """One row: a link to where to fix it, what is wrong, how much, and since when."""

    link: SafeString | str
    what: str
    amount: Decimal | None
    currency: str
    since: datetime


@dataclass(frozen=True)
class Section:
    """An item with its first rows, and whether there are more."""

    item: AttentionItem
    rows: list[AttentionRow]
    has_more: bool
    list_url: str


def sections(may: Callable[[str], bool]) -> list[Section]:
    """The items that the user may see, those with rows first. One statement an item."""
    shown = [_section(item) for item in attention_items() if may(item.permission)]
    return sorted(shown, key=lambda section: not section.rows)


def _section(item: AttentionItem) -> Section:
    rows = list(islice(item.rows()[: MAX_ROWS + 1], MAX_ROWS + 1))
    shown = [_ROWS[type(row)](row) for row in rows[:MAX_ROWS]]
    return Section(item, shown, len(rows) > MAX_ROWS, list_url(item))


def list_url(item: AttentionItem) -> str:
    """The admin list of exactly these rows; empty if there is none."""
    return f"{reverse(f'admin:{item.model}_changelist')}?attention={item.name}" if item.model else ""


def _joined(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if part)


def _discrepancy(found: Discrepancy) -> AttentionRow:
    what = gettext("captured %(captured)s, paid back %(refunded)s, disputed %(disputed)s, order %(status)s") % {
        "captured": money(found.captured, found.currency),
        "refunded": money(found.refunded, found.currency),
        "disputed": money(found.disputed, found.currency),
        "status": found.status.label,
    }
    return AttentionRow(reference_link(found.number), what, found.off, found.currency, found.placed_at)


def _attempt(attempt: PaymentAttempt) -> AttentionRow:
    payment, what = attempt.payment, attempt.get_status_display()
    return AttentionRow(reference_link(payment.reference), what, payment.amount, payment.currency, attempt.created_at)


def _refund(refund: Refund) -> AttentionRow:
    payment, what = refund.payment, _joined(refund.get_status_display(), refund.error)
    return AttentionRow(reference_link(payment.reference), what, refund.amount, payment.currency, refund.created_at)


def _mismatch(mismatch: ChargeMismatch) -> AttentionRow:
    payment = mismatch.attempt.payment
    what = gettext("at the provider: captured %(captured)s, paid back %(refunded)s, disputed %(disputed)s") % {
        "captured": money(mismatch.captured, payment.currency),
        "refunded": money(mismatch.refunded, payment.currency),
        "disputed": money(mismatch.disputed, payment.currency),
    }
    return AttentionRow(reference_link(payment.reference), what, payment.amount, payment.currency, mismatch.found_at)


def _dispute(dispute: Dispute) -> AttentionRow:
    deadline = gettext("answer by %(moment)s") % {"moment": moment(dispute.due_by)} if dispute.due_by else ""
    what = _joined(dispute.get_status_display(), dispute.reason, deadline)
    link = _own_page(dispute, dispute.payment.reference)
    return AttentionRow(link, what, dispute.amount, dispute.payment.currency, dispute.opened_at)


def _charge(charge: StrayCharge) -> AttentionRow:
    link = _own_page(charge, charge.provider_reference)
    return AttentionRow(link, charge.provider, charge.amount, charge.currency, charge.found_at)


def _message(message: OutboxMessage) -> AttentionRow:
    what = _joined(message.get_kind_display(), message.last_error)
    return AttentionRow(reference_link(message.order.number), what, None, "", message.created_at)


def _event(event: WebhookEvent) -> AttentionRow:
    link = _own_page(event, event.provider_reference or event.event_id)
    return AttentionRow(link, _joined(event.type, event.last_error), None, "", event.received_at)


def _own_page(row: Model, text: str) -> SafeString:
    meta = row._meta
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]), text
    )


_ROWS: dict[type, Callable[[Any], AttentionRow]] = {
    Discrepancy: _discrepancy,
    PaymentAttempt: _attempt,
    Refund: _refund,
    Dispute: _dispute,
    ChargeMismatch: _mismatch,
    StrayCharge: _charge,
    OutboxMessage: _message,
    WebhookEvent: _event,
}
