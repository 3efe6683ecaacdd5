"""What the admin's home page says before anything else: is anything wrong, what waits for somebody, what sold today."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import template
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from checkout.models import Order, OrderStatus, OutboxMessage
from config.money import ZERO
from payments.models import PaymentAttempt, Refund, WebhookEvent

register = template.Library()

# Longer than this, nobody is working on it any more.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Question:
    """Something to count, for whoever may see it, and the list that shows which ones. `bad` where any is too many."""

    text: str | Promise
    model: str
    filters: str
    rows: Callable[[], QuerySet[Any]]
    bad: bool = True


def _since() -> Any:
    return timezone.now() - PATIENCE


QUESTIONS = [
    Question(
        _("orders to send"),
        "checkout_order",
        "status__exact=paid",
        lambda: Order.objects.filter(status=OrderStatus.PAID),
        bad=False,
    ),
    Question(
        _("payments whose end nobody knows"),
        "payments_paymentattempt",
        "status__exact=unknown",
        lambda: PaymentAttempt.objects.filter(status=PaymentAttempt.Status.UNKNOWN),
    ),
    Question(
        _("refunds still open"),
        "payments_refund",
        "open=5",
        lambda: Refund.objects.filter(
            status__in=[Refund.Status.STARTED, Refund.Status.UNKNOWN], created_at__lt=_since()
        ),
    ),
    Question(
        _("mails that do not go out"),
        "checkout_outboxmessage",
        "sent=failing",
        lambda: OutboxMessage.objects.unsent().exclude(last_error=""),
    ),
    Question(
        _("messages of the provider not dealt with"),
        "payments_webhookevent",
        "handled=no",
        lambda: WebhookEvent.objects.filter(handled_at=None, received_at__lt=_since()),
    ),
]


@register.inclusion_tag("admin/checkout/desk.html", takes_context=True)
def desk(context: template.Context) -> dict[str, Any]:
    """The answers that this person may see: one statement each, and one for today's sales."""
    request: HttpRequest = context["request"]
    seen = [question for question in QUESTIONS if _may_see(request, question.model)]
    answers = [
        {
            "text": question.text,
            "count": (count := question.rows().count()),
            "tone": "good" if not count else "bad" if question.bad else "busy",
            "url": f"{reverse(f'admin:{question.model}_changelist')}?{question.filters}",
        }
        for question in seen
    ]
    return {"answers": answers, "days": _sales() if _may_see(request, "checkout_order") else []}


def _may_see(request: HttpRequest, model: str) -> bool:
    app, name = model.split("_")
    return request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")


def _sales() -> list[dict[str, Any]]:
    """Orders that were paid today and yesterday, in the shop's time zone, and what they brought. One statement."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    is_today = Q(paid_at__gte=today)
    sums = Order.objects.filter(paid_at__gte=yesterday).aggregate(
        today_count=Count("pk", filter=is_today),
        today_total=Sum("total", filter=is_today),
        yesterday_count=Count("pk", filter=~is_today),
        yesterday_total=Sum("total", filter=~is_today),
    )
    return [
        {"name": _("Today"), "count": sums["today_count"], "total": sums["today_total"] or ZERO},
        {"name": _("Yesterday"), "count": sums["yesterday_count"], "total": sums["yesterday_total"] or ZERO},
    ]
