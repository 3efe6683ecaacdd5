"""Health checks for the home page: the alerts' conditions, evaluated on the same gauges with the same thresholds.

Each names its alert (deploy/prometheus/alerts.yml), the permission to see it and the page on which to fix it. Alerts on
rates and percentiles need Prometheus: `config.backoffice.alertmanager` fetches those.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.telemetry.attention import attention_items
from config.telemetry.metrics import scraped


def _how_long(_label: str, seconds: float) -> str:
    now = timezone.now()
    return gettext("for %(time)s") % {"time": timesince(now - timedelta(seconds=seconds), now, depth=1)}


def _which(label: str, _value: float) -> str:
    return label


def _how_many(_label: str, value: float) -> str:
    return f"{value:.0f}"


@dataclass(frozen=True)
class HealthCheck:
    """Fails when the gauge's largest value exceeds `over`; `labels`, if any, limit the series considered."""

    alert: str
    text: str | Promise
    gauge: str
    over: float
    detail: Callable[[str, float], str]
    permission: str
    url: Callable[[], str]
    labels: tuple[str, ...] = ()

    def worst(self, values: dict[str, float]) -> tuple[str, float]:
        """The series with the largest value, and that value."""
        considered = {label: value for label, value in values.items() if not self.labels or label in self.labels}
        return max(considered.items(), key=lambda item: item[1], default=("", 0.0))


_OF_GAUGES = [
    HealthCheck(
        "StockOversold", _("More stock is reserved than is on hand"),
        "stock_oversold_rows", 0, _how_many, "inventory.view_stock",
        lambda: reverse("admin:inventory_stock_changelist"),
    ),
    HealthCheck(
        "BreakerOpen", _("A circuit is open: an outside service is failing"),
        "breaker_state", 1, _which, "config.view_machinery", lambda: reverse("admin:breakers"),
    ),
    HealthCheck(
        "SweeperBehind", _("Pending payments are looked up too late"),
        "payment_attempt_overdue_seconds", 300, _how_long, "payments.view_payment", lambda: reverse("admin:money"),
    ),
    HealthCheck(
        "ReconciliationBehind", _("The provider's charges have not been compared with ours"),
        "reconciliation_lag_seconds", 1800, _how_long, "payments.view_payment", lambda: reverse("admin:money"),
    ),
    HealthCheck(
        "TasksBehind", _("Tasks are waiting for a worker"),
        "celery_queue_oldest_seconds", 120, _how_long, "config.view_machinery", lambda: reverse("health"),
    ),
]  # fmt: skip


def health_checks() -> list[HealthCheck]:
    """What needs a person, item by item, then the gauges with a threshold."""
    of_items = [
        HealthCheck(
            item.alert, item.title, "attention_items", 0, _how_many, item.permission, partial(_section_url, item.name),
            labels=(item.name,),
        )
        for item in attention_items()
    ]  # fmt: skip
    return [*of_items, *_OF_GAUGES]


def _section_url(name: str) -> str:
    return f"{reverse('admin:money')}#{name}"


# Alerts that only Prometheus can evaluate, since they look at a time range.
PROMETHEUS_ALERTS = {
    "CheckoutSlow": _("One checkout in twenty takes longer than a second"),
    "CheckoutErrorBudgetBurnsFast": _("Too many checkouts fail"),
    "CheckoutErrorBudgetBurnsSlowly": _("Too many checkouts have failed for hours"),
    "CheckoutLockErrors": _("Checkout locks are failing"),
    "UnpaidHoldsAtBound": _("Pix is refused: unpaid orders hold all that they may"),
    "CacheHitRateLow": _("The cache hit rate is low"),
    "ShopNotMeasured": _("The shop cannot be measured: the other alerts are blind"),
    "GaugesUnread": _("Some gauges cannot be read: their values are unknown"),
}


def describe_alert(alert: str) -> str | Promise:
    """The alert's text in the reader's language; empty if the alert is unknown."""
    return {**PROMETHEUS_ALERTS, **{check.alert: check.text for check in health_checks()}}.get(alert, "")


@dataclass(frozen=True)
class ActiveProblem:
    """A failing check: its alert, the text, how much or for how long, and the page on which to fix it."""

    alert: str
    text: str | Promise
    detail: str
    url: str


def active_problems(may: Callable[[str], bool]) -> list[ActiveProblem]:
    """The failing checks that the user may see. As old as a scrape may be: up to a minute.

    A gauge that cannot be read counts as a problem.
    """
    checks = [check for check in health_checks() if may(check.permission)]
    gauges = scraped() if checks else {}
    problems = []
    for check in checks:
        if check.gauge not in gauges:
            problems.append(ActiveProblem(check.alert, check.text, gettext("cannot be read now"), check.url()))
            continue
        label, value = check.worst(gauges[check.gauge])
        if value > check.over:
            problems.append(ActiveProblem(check.alert, check.text, check.detail(label, value), check.url()))
    return problems
