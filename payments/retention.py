"""How long traces of payments are kept. Amounts, statuses and the provider's references are the books: they stay."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.retention.rules import RetentionRule, Rows
from payments.models import PaymentAttempt, Refund, WebhookEvent


def _handled_events(before: datetime) -> Rows:
    return WebhookEvent.objects.ended(before)


def _attempts_with_traces(before: datetime) -> Rows:
    return PaymentAttempt.objects.with_traces().filter(settled_at__lt=before).order_by("settled_at")


def _blank_traces(rows: Rows) -> None:
    rows.update(action=None, error="")


def _refunds_with_errors(before: datetime) -> Rows:
    return Refund.objects.with_traces().filter(settled_at__lt=before).order_by("settled_at")


def _blank_errors(rows: Rows) -> None:
    rows.update(error="")


WEBHOOK_EVENTS = RetentionRule(
    name="webhook_events",
    what=_("Webhook events of the provider, after they were dealt with"),
    effect=_("deleted for good"),
    why=_("The provider sends an event again for days, staff look it up for weeks. What waits stays."),
    due=_handled_events,
    at_least=30,
    at_most=3 * 366,
)
PAYMENT_TRACES = RetentionRule(
    name="payment_traces",
    what=_("Pix codes, links to banks and error texts of settled payment attempts"),
    effect=_("blanked; amount, outcome and reference stay"),
    why=_("A payer may claim a Pix for 80 days and a card payment for 120; then they serve nothing (LGPD 15)."),
    due=_attempts_with_traces,
    remove=_blank_traces,
    at_least=120,
)
REFUND_ERRORS = RetentionRule(
    name="refund_errors",
    what=_("Error texts of refunds that have succeeded"),
    effect=_("blanked; amount, reason and reference stay"),
    why=_("The money is back (LGPD 15). A refund that failed keeps its text, since staff have to act on it."),
    due=_refunds_with_errors,
    remove=_blank_errors,
    at_least=30,
)
