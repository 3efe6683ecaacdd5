"""Is anything wrong? The questions that the alerts ask, asked of the same gauges with the same bounds.

Each names the alert (deploy/prometheus/alerts.yml), who may know of it, and the page on which it can be mended. What an
alert asks over time (rates, percentiles) only Prometheus knows: `config.backoffice.alertmanager` brings that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.formats import money
from config.telemetry.metrics import scraped


def _how_long(_label: str, seconds: float) -> str:
    now = timezone.now()
    return gettext("for %(time)s") % {"time": timesince(now - timedelta(seconds=seconds), now, depth=1)}


def _which(label: str, _value: float) -> str:
    return label


def _how_much(currency: str, value: float) -> str:
    return money(f"{value:.2f}", currency)


def _how_many(_label: str, value: float) -> str:
    return f"{value:.0f}"


@dataclass(frozen=True)
class HealthCheck:
    """`over` is the bound that the gauge's largest value must not pass; `labels` are those of its series that count."""

    alert: str
    text: str | Promise
    gauge: str
    over: float
    detail: Callable[[str, float], str]
    permission: str
    url: Callable[[], str]
    labels: tuple[str, ...] = ()

    def worst(self, values: dict[str, float]) -> tuple[str, float]:
        """The series that is farthest off, and its value."""
        counted = {label: value for label, value in values.items() if not self.labels or label in self.labels}
        return max(counted.items(), key=lambda item: item[1], default=("", 0.0))


HEALTH_CHECKS = [
    HealthCheck(
        "MoneyOutOfBalance", _("Money was captured without a paid order and not refunded"),
        "money_out_of_balance", 0, _how_much, "payments.view_payment", lambda: reverse("admin:money"),
    ),
    HealthCheck(
        "PaymentOutcomeUnknown", _("A shopper is waiting for an unknown payment outcome"),
        "payment_attempt_oldest_seconds", 300, _how_long, "payments.view_payment", lambda: reverse("admin:money"),
        labels=("unknown", "started"),
    ),
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
        "OutboxOld", _("An e-mail or refund is stuck in the outbox"),
        "outbox_oldest_seconds", 300, _how_long, "checkout.view_outboxmessage",
        lambda: reverse("admin:checkout_outboxmessage_changelist") + "?sent=no",
    ),
    HealthCheck(
        "WebhooksBehind", _("A provider webhook is unhandled"),
        "webhook_oldest_seconds", 300, _how_long, "payments.view_webhookevent",
        lambda: reverse("admin:payments_webhookevent_changelist") + "?handled=no",
    ),
    HealthCheck(
        "TasksBehind", _("Tasks are waiting for a worker"),
        "celery_queue_oldest_seconds", 120, _how_long, "config.view_machinery", lambda: reverse("health"),
    ),
]  # fmt: skip


# What only Prometheus can tell, since it is asked over time.
OVER_TIME = {
    "CheckoutSlow": _("One checkout in twenty takes longer than a second"),
    "CheckoutErrorBudgetBurnsFast": _("Too many checkouts fail"),
    "CheckoutErrorBudgetBurnsSlowly": _("Too many checkouts have failed for hours"),
    "CheckoutLockErrors": _("Checkout locks are failing"),
    "CacheHitRateLow": _("The cache hit rate is low"),
    "ShopNotMeasured": _("The shop cannot be measured: the other alerts are blind"),
    "GaugesUnread": _("Some gauges cannot be read: their values are unknown"),
}


def in_words(alert: str) -> str | Promise:
    """What the alert of this name says, in the reader's language; empty where it is not known."""
    return {**OVER_TIME, **{concern.alert: concern.text for concern in HEALTH_CHECKS}}.get(alert, "")


@dataclass(frozen=True)
class ActiveProblem:
    """Something that is wrong: which alert tells of it, in words, how much or for how long, and where it is mended."""

    alert: str
    text: str | Promise
    detail: str
    url: str


def active_problems(may: Callable[[str], bool]) -> list[ActiveProblem]:
    """What is wrong, of what the person may know. As old as a scrape may be: up to a minute.

    A gauge that cannot be read is itself something wrong.
    """
    asked = [concern for concern in HEALTH_CHECKS if may(concern.permission)]
    gauges = scraped() if asked else {}
    found = []
    for concern in asked:
        if concern.gauge not in gauges:
            found.append(ActiveProblem(concern.alert, concern.text, gettext("cannot be read now"), concern.url()))
            continue
        label, value = concern.worst(gauges[concern.gauge])
        if value > concern.over:
            found.append(ActiveProblem(concern.alert, concern.text, concern.detail(label, value), concern.url()))
    return found
