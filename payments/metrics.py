"""Payment metrics: provider answers, unsettled attempts, waiting webhooks."""

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import ParamSpec, TypeVar

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from config.telemetry.metrics import at_scrape, gauge
from payments.models import PaymentAttempt, ReconcileCursor, SetAside, WebhookEvent

P = ParamSpec("P")
R = TypeVar("R")

payment_answers = Counter("payment_answers_total", "Results of calls to the payment provider.", ["call", "answer"])

events_set_aside = Counter(
    "webhook_events_set_aside_total", "Webhook events that are kept without being dealt with, by reason.", ["reason"]
)
for _reason in SetAside:
    events_set_aside.labels(_reason)


def payment_call(call: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count the answers of a provider call by the kind of outcome, or as `unavailable`."""

    def instrument(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            answer = "unavailable"
            try:
                result = function(*args, **kwargs)
                answer = getattr(result, "kind", "answered")
                return result
            finally:
                payment_answers.labels(call, answer).inc()

        return counted

    return instrument


# --- Read at scrape time ----------------------------------------------------------------------------------------------

# Events that match no attempt wait forever; older ones say nothing about whether the inbox is being worked off.
RECENT = timedelta(days=1)


@at_scrape(vital=True)
def attempts() -> Iterator[GaugeMetricFamily]:
    """Unsettled attempts: one statement over a partial index."""
    now = timezone.now()
    rows = (
        PaymentAttempt.objects.unsettled()
        .order_by()
        .values_list("status")
        .annotate(number=Count("pk"), oldest=Min("created_at"), longest_due=Min("due_at"))
    )
    found = {status: facts for status, *facts in rows}
    known = {(status.value,): found.get(status.value, (0, now, now)) for status in PaymentAttempt.UNSETTLED}
    counts = {status: float(number) for status, (number, _oldest, _due) in known.items()}
    ages = {status: (now - oldest).total_seconds() for status, (_number, oldest, _due) in known.items()}
    overdue = {status: max(0.0, (now - due).total_seconds()) for status, (_number, _oldest, due) in known.items()}
    yield gauge("payment_attempts", "Unsettled payment attempts, by status.", counts, ("status",))
    yield gauge("payment_attempt_oldest_seconds", "Age of the oldest unsettled attempt, by status.", ages, ("status",))
    yield gauge(
        "payment_attempt_overdue_seconds",
        "For how long the sweeper should have asked about an attempt and has not, by status.",
        overdue,
        ("status",),
    )


@at_scrape(vital=True)
def webhooks() -> Iterator[GaugeMetricFamily]:
    now = timezone.now()
    waiting = WebhookEvent.objects.waiting().ours().order_by().filter(received_at__gt=now - RECENT)
    facts = waiting.aggregate(number=Count("pk"), oldest=Min("received_at"))
    age = (now - facts["oldest"]).total_seconds() if facts["oldest"] else 0.0
    yield gauge("webhook_events_waiting", "Unhandled webhook events of the last day.", {
        (): float(facts["number"])
    })  # fmt: skip
    yield gauge("webhook_oldest_seconds", "Age of the oldest of these events.", {(): age})


@at_scrape(vital=True)
def reconciliation() -> Iterator[GaugeMetricFamily]:
    lags = {(stream,): lag for stream, lag in ReconcileCursor.objects.lags(timezone.now()).items()}
    yield gauge(
        "reconciliation_lag_seconds",
        "How far comparing the provider's records with ours is behind, by stream.",
        lags,
        ("stream",),
    )
