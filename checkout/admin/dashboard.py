"""What the admin's home page says before anything else: is anything wrong, what sold, what waits for somebody."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from checkout.admin.active_problems import HEALTH_CHECKS, active_problems, in_words
from checkout.admin.sales_report import DAY, Funnel, funnel, midnight, sold_by_day, sold_by_now
from checkout.models import Order, OutboxMessage
from config.backoffice.alertmanager import firing
from config.backoffice.charts import bars
from config.formats import money
from payments.models import AttemptStatus, PaymentAttempt, Refund, WebhookEvent

# Longer than this, nobody is working on it any more.
PATIENCE = timedelta(minutes=5)
CHART_DAYS = 14


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
        _("orders to ship"),
        "checkout_order",
        "status__exact=paid",
        lambda: Order.objects.to_ship(),
        bad=False,
    ),
    Question(
        _("payments with unknown outcome"),
        "payments_paymentattempt",
        "status__exact=unknown",
        lambda: PaymentAttempt.objects.filter(status=AttemptStatus.UNKNOWN),
    ),
    Question(
        _("refunds still open"),
        "payments_refund",
        "open=5",
        lambda: Refund.objects.stale(_since()),
    ),
    Question(
        _("e-mails that fail to send"),
        "checkout_outboxmessage",
        "sent=failing",
        lambda: OutboxMessage.objects.failing(),
    ),
    Question(
        _("unhandled provider webhooks"),
        "payments_webhookevent",
        "handled=no",
        lambda: WebhookEvent.objects.late(_since()),
    ),
]


def dashboard(user: Any) -> dict[str, Any]:
    """What this person may see: one statement an answer, four for what sold; the gauges are read at most every 10 s."""
    answers = [
        {
            "text": question.text,
            "count": (count := question.rows().count()),
            "tone": "good" if not count else "bad" if question.bad else "busy",
            "url": f"{reverse(f'admin:{question.model}_changelist')}?{question.filters}",
        }
        for question in QUESTIONS
        if _may_see(user, question.model)
    ]
    wrong = active_problems(user.has_perm)
    alerts = firing() if user.has_perm("config.view_machinery") else []
    return {
        "answers": answers,
        "wrong": wrong,
        "alerts": [
            (in_words(alert.name) or alert.summary or alert.name, alert)
            for alert in alerts or []
            if alert.name not in {finding.alert for finding in wrong}
        ],
        "alerts_unknown": alerts is None,
        "is_watched": any(user.has_perm(concern.permission) for concern in HEALTH_CHECKS),
        "may_find": user.has_perm("checkout.view_order"),
        **(_sales() if _may_see(user, "checkout_order") else {}),
        **(_conversion() if user.has_perm("cart.view_cart") and user.has_perm("checkout.view_order") else {}),
    }


def _may_see(user: Any, model: str) -> bool:
    app, name = model.split("_")
    return bool(user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}"))


def _sales() -> dict[str, Any]:
    """Today beside yesterday and the same weekday a week ago, and two weeks as charts. Two statements."""
    now = timezone.now()
    days = sold_by_day(CHART_DAYS, now)
    sold = sold_by_now(days, now)
    weekday = date_format(sold[2].day.date, "l")
    names = [_("Today"), _("Yesterday"), _("%(weekday)s a week ago") % {"weekday": weekday.capitalize()}]
    labels = [date_format(day.date, "SHORT_DATE_FORMAT") for day in days]
    return {
        "sold": [
            {"name": name, "is_today": not place, **vars(sum_)}
            for place, (name, sum_) in enumerate(zip(names, sold, strict=True))
        ],
        "days": days,
        "charts": [
            {
                "title": _("Revenue"),
                "top": money(max(day.total for day in days)),
                "bars": bars(
                    [float(day.total) for day in days],
                    [f"{label}: {money(day.total)}" for label, day in zip(labels, days, strict=True)],
                ),
            },
            {
                "title": _("Orders paid"),
                "top": max(day.count for day in days),
                "bars": bars(
                    [day.count for day in days],
                    [f"{label}: {day.count}" for label, day in zip(labels, days, strict=True)],
                ),
            },
        ],
    }


def _conversion() -> dict[str, Any]:
    """One statement each for today and the last week."""
    now = timezone.now()
    spans = [(_("Today"), midnight(now)), (_("7 days"), midnight(now) - 6 * DAY)]
    return {"funnels": [{"name": name, "steps": _steps(funnel(since))} for name, since in spans]}


def _steps(counted: Funnel) -> list[dict[str, Any]]:
    """Each step with its share of the carts, in percent; no share where there are no carts."""
    steps = [(_("carts with goods"), counted.filled), (_("orders started"), counted.begun), (_("paid"), counted.paid)]
    return [
        {"text": text, "count": count, "share": round(100 * count / counted.filled) if counted.filled else None}
        for text, count in steps
    ]
