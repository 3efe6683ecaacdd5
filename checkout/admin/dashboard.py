"""The top of the admin's home page: active problems, sales, and the work that is waiting."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from checkout.admin.active_problems import active_problems, describe_alert, health_checks
from checkout.admin.attention import list_url
from checkout.admin.sales_report import DAY, Funnel, funnel, midnight, sold_by_day, sold_by_now
from checkout.models import Order
from config.backoffice.alertmanager import firing
from config.backoffice.charts import bars
from config.formats import money
from config.telemetry.attention import attention_items, counts

CHART_DAYS = 14


def dashboard(user: Any) -> dict[str, Any]:
    """What this user may see: five statements for counts, four for sales; gauges are read at most every 10 s."""
    answers = _answers(user)
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
        "is_watched": any(user.has_perm(check.permission) for check in health_checks()),
        "may_find": user.has_perm("checkout.view_order"),
        **(_sales() if _may_see(user, "checkout_order") else {}),
        **(_conversion() if user.has_perm("cart.view_cart") and user.has_perm("checkout.view_order") else {}),
    }


def _answers(user: Any) -> list[dict[str, Any]]:
    """The orders to ship, those with parcels astray, unfinished labels or open returns, and how many cases need this
    user. Six statements."""
    answers = []
    if _may_see(user, "checkout_order"):
        count = Order.objects.to_ship().count()
        url = reverse("admin:checkout_order_changelist") + "?parcels=to_send"
        answers.append({"text": _("orders to ship"), "count": count, "tone": "busy" if count else "good", "url": url})
        for text, orders, wanted, tone in (
            (_("orders with parcels that went astray"), Order.objects.with_parcels_astray(), "parcels=astray", "bad"),
            (_("orders with labels that are not finished"), Order.objects.with_labels_stuck(), "parcels=labels", "bad"),
            (_("orders with returns to be dealt with"), Order.objects.with_open_returns(), "returns=open", "busy"),
        ):
            count = orders.count()
            url = reverse("admin:checkout_order_changelist") + f"?{wanted}"
            answers.append({"text": text, "count": count, "tone": tone if count else "good", "url": url})
    items = [item for item in attention_items() if user.has_perm(item.permission)]
    found = counts(items)
    for item in items:
        url = list_url(item) or f"{reverse('admin:money')}#{item.name}"
        tone = "bad" if found[item.name] else "good"
        answers.append({"text": item.title, "count": found[item.name], "tone": tone, "url": url})
    return answers


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
