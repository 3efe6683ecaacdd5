"""What is measured of payments: the provider's answers, attempts without an end, webhooks that wait."""

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import ParamSpec, TypeVar

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from config.telemetry.metrics import at_scrape, gauge
from payments.models import PaymentAttempt, WebhookEvent

P = ParamSpec("P")
R = TypeVar("R")

payment_answers = Counter("payment_answers_total", "What the payment provider said, by call.", ["call", "answer"])


def payment_call(call: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count what a call of the payment provider answers: the kind of its outcome, or `unavailable`."""

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

# Events that match nothing wait for ever; older ones no longer tell whether the inbox is being read.
LATELY = timedelta(days=1)


@at_scrape(vital=True)
def attempts() -> Iterator[GaugeMetricFamily]:
    """Attempts whose end is not known: one statement over an index that holds no others."""
    now = timezone.now()
    rows = (
        PaymentAttempt.objects.unsettled()
        .order_by()
        .values_list("status")
        .annotate(number=Count("pk"), oldest=Min("created_at"))
    )
    found = {status: (number, (now - oldest).total_seconds()) for status, number, oldest in rows}
    known = {(status.value,): found.get(status.value, (0, 0.0)) for status in PaymentAttempt.UNSETTLED}
    counts = {status: float(number) for status, (number, _age) in known.items()}
    ages = {status: age for status, (_number, age) in known.items()}
    yield gauge("payment_attempts", "Attempts whose end is not known, by status.", counts, ("status",))
    yield gauge("payment_attempt_oldest_seconds", "Age of the oldest of them.", ages, ("status",))


@at_scrape(vital=True)
def webhooks() -> Iterator[GaugeMetricFamily]:
    now = timezone.now()
    waiting = WebhookEvent.objects.waiting().order_by().filter(received_at__gt=now - LATELY)
    facts = waiting.aggregate(number=Count("pk"), oldest=Min("received_at"))
    age = (now - facts["oldest"]).total_seconds() if facts["oldest"] else 0.0
    yield gauge("webhook_events_waiting", "The last day's messages of the provider that nobody has settled.", {
        (): float(facts["number"])
    })  # fmt: skip
    yield gauge("webhook_oldest_seconds", "How long the oldest of them has waited.", {(): age})
