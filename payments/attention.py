"""What needs a person in payments."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.telemetry.attention import AttentionItem, Rows
from payments.models import ChargeMismatch, Dispute, PaymentAttempt, Refund, StrayCharge, WebhookEvent

# After this long no process is working on it any more.
OPEN_FOR = timedelta(minutes=5)
# A card's refund takes up to ten days at the provider.
PENDING_FOR = timedelta(days=10)


def payments_unresolved() -> Rows:
    return PaymentAttempt.objects.stuck(timezone.now() - OPEN_FOR)


def refunds_unanswered() -> Rows:
    return Refund.objects.stale(timezone.now() - OPEN_FOR)


def refunds_pending() -> Rows:
    return Refund.objects.pending_since(timezone.now() - PENDING_FOR)


def refunds_failed() -> Rows:
    return Refund.objects.failed_for_good().order_by("created_at", "pk")


def charges_unmatched() -> Rows:
    return StrayCharge.objects.open()


def charges_differ() -> Rows:
    return ChargeMismatch.objects.open()


def disputes_undecided() -> Rows:
    return Dispute.objects.open()


def webhooks_late() -> Rows:
    return WebhookEvent.objects.late(timezone.now() - OPEN_FOR)


ITEMS = [
    AttentionItem(
        "charges_unmatched",
        _("Unmatched charges"),
        _("Find the charge in the provider's dashboard, refund it there, and record here what you did."),
        "payments.view_straycharge",
        "ChargeUnmatched",
        charges_unmatched,
        "payments_straycharge",
    ),
    AttentionItem(
        "charges_differ",
        _("Charges that differ"),
        _("The provider's books say otherwise. Compare the charge in its dashboard with the order's timeline."),
        "payments.view_payment",
        "MoneyOutOfBalance",
        charges_differ,
    ),
    AttentionItem(
        "disputes_undecided",
        _("Disputes and warnings"),
        _("Answer in the provider's dashboard before the deadline, and do not ship. Dismiss a warning that is none."),
        "payments.view_dispute",
        "DisputeOpen",
        disputes_undecided,
        "payments_dispute",
    ),
    AttentionItem(
        "payments_unresolved",
        _("Payments with unknown outcome"),
        _("Open the order and ask the provider. The sweeper also asks every minute."),
        "payments.view_paymentattempt",
        "PaymentOutcomeUnknown",
        payments_unresolved,
        "payments_paymentattempt",
    ),
    AttentionItem(
        "refunds_failed",
        _("Refunds that failed"),
        _("Open the order and refund it again, or pay it another way and record that."),
        "payments.view_refund",
        "RefundNotPaid",
        refunds_failed,
        "payments_refund",
    ),
    AttentionItem(
        "refunds_unanswered",
        _("Refunds without an answer"),
        _("Open the order and ask again. Nothing is paid twice."),
        "payments.view_refund",
        "RefundNotPaid",
        refunds_unanswered,
        "payments_refund",
    ),
    AttentionItem(
        "refunds_pending",
        _("Refunds pending for more than ten days"),
        _("Ask the provider why; its balance may be too low."),
        "payments.view_refund",
        "RefundNotPaid",
        refunds_pending,
        "payments_refund",
    ),
    AttentionItem(
        "webhooks_late",
        _("Unhandled provider webhooks"),
        _("They are retried every few seconds; the error says why they fail."),
        "payments.view_webhookevent",
        "WebhooksBehind",
        webhooks_late,
        "payments_webhookevent",
    ),
]
