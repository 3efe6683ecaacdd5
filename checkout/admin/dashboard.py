"""The top of the admin's home page: active problems, sales, and the work that is waiting."""

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

from checkout.admin.active_problems import HEALTH_CHECKS, active_problems, describe_alert
from checkout.admin.sales_report import DAY, Funnel, funnel, midnight, sold_by_day, sold_by_now
from checkout.models import Order, OutboxMessage
from config.backoffice.alertmanager import firing
from config.backoffice.charts import bars
from config.formats import money
from payments.models import AttemptStatus, PaymentAttempt, Refund, WebhookEvent

# After this long no process is working on it any more.
OPEN_FOR = timedelta(minutes=5)
CHART_DAYS = 14


@dataclass(frozen=True)
class OpenWork:
    """A count for those who may see the model, linked to the filtered list. `bad`: even one is too many."""

    text: str | Promise
    model: str
    filters: str
    rows: Callable[[], QuerySet[Any]]
    bad: bool = True


def _since() -> Any:
    return timezone.now() - OPEN_FOR


OPEN_WORK = [
    OpenWork(
        _("orders to ship"),
        "checkout_order",
        "status__exact=paid",
        lambda: Order.objects.to_ship(),
        bad=False,
    ),
    OpenWork(
        _("payments with unknown outcome"),
        "payments_paymentattempt",
        "status__exact=unknown",
        lambda: PaymentAttempt.objects.filter(status=AttemptStatus.UNKNOWN),
    ),
    OpenWork(
        _("refunds still open"),
        "payments_refund",
        "open=5",
        lambda: Refund.objects.stale(_since()),
    ),
    OpenWork(
        _("e-mails that fail to send"),
        "checkout_outboxmessage",
        "sent=failing",
        lambda: OutboxMessage.objects.failing(),
    ),
    OpenWork(
        _("unhandled provider webhooks"),
        "payments_webhookevent",
        "handled=no",
        lambda: WebhookEvent.objects.late(_since()),
    ),
]


def dashboard(user: Any) -> dict[str, Any]:
    """What this user may see: one statement a count, four for sales; the gauges are read at most every 10 s."""
    answers = [
        {
            "text": work.text,
            "count": (count := work.rows().count()),
            "tone": "good" if not count else "bad" if work.bad else "busy",
            "url": f"{reverse(f'admin:{work.model}_changelist')}?{work.filters}",
        }
        for work in OPEN_WORK
        if _may_see(user, work.model)
    ]
    wrong = active_problems(user.has_perm)
    alerts = firing() if user.has_perm("config.view_machinery") else []
    return {
        "answers": answers,
        "wrong": wrong,
        "alerts": [
            (describe_alert(alert.name) or alert.summary or alert.name, alert)
            for alert in alerts or []
            if alert.name not in {finding.alert for finding in wrong}
        ],
        "alerts_unknown": alerts is None,
        "is_watched": any(user.has_perm(check.permission) for check in HEALTH_CHECKS),
        "may_find": user.has_perm("checkout.view_order"),
        **(_sales() if _may_see(user, "checkout_order") else {}),
        **(_conversion() if user.has_perm("cart.view_cart") and user.has_perm("checkout.view_order") else {}),
    }


def _may_see(user: Any, model: str) -> bool:
    app, name = model.split("_")
    return bool(user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}"))


def _sales() -> dict[str, Any]:
    """Today compared with yesterday and the same weekday a week ago, and two weeks as charts. Two statements."""
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
    """Each step with its share of the carts, in percent; None if there are no carts."""
    steps = [(_("carts with goods"), counted.filled), (_("orders started"), counted.begun), (_("paid"), counted.paid)]
    return [
        {"text": text, "count": count, "share": round(100 * count / counted.filled) if counted.filled else None}
        for text, count in steps
    ]
