"""Metrics that every part of the shop shares, and the building blocks of each app's `metrics.py`.

Names and units follow Prometheus' conventions; label values come from small, fixed sets. Series that an alert uses are
created at startup, at zero: an absent series never fires.

What a process counts itself is a Counter or Histogram, declared in the `metrics.py` of the app whose events it counts.
What only the database or the broker know is read at scrape time: see `at_scrape`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.db import transaction
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

logger = logging.getLogger(__name__)

LOCK_ERRORS = ("redis_away", "lost", "deadlock", "timeout", "serialization")

_WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_TASK_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)
_REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATEMENT_BUCKETS = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30, 50, 100)

request_statements = Histogram(
    "http_request_statements", "Database statements per request, by view.", ["view"], buckets=_STATEMENT_BUCKETS
)
request_duration = Histogram(
    "http_request_duration_seconds", "Requests, all middleware included, by view, method and status.",
    ["view", "method", "status"], buckets=_REQUEST_BUCKETS,
)  # fmt: skip
# The name is django-prometheus'; dashboards rely on it.
responses = Counter("django_http_responses_total_by_status_total", "Responses of views, by status.", ["status"])
statement_duration = Histogram(
    "database_statement_duration_seconds", "Database statements, waiting included.", buckets=_WAIT_BUCKETS
)
web_threads_busy = Gauge("web_threads_busy", "Requests being handled now.", multiprocess_mode="livesum")
# What the web server ended itself (config.web): its reasons, and how often.
DROPPED = ("slow_request", "slow_reader", "too_large", "crowded")
web_requests_dropped = Counter(
    "web_requests_dropped_total", "Requests that were ended before their time: clients too slow, too large, too many.",
    ["why"],
)  # fmt: skip
# These count every lock. The prefix `checkout` is historical; dashboards and alerts rely on it.
lock_errors = Counter(
    "checkout_lock_errors_total", "Locks that could not be acquired, or were lost before their release.", ["kind"]
)
lock_contention = Counter("checkout_lock_contention_total", "Locks held by another request or process.", ["lock"])
lock_wait = Histogram(
    "checkout_lock_wait_seconds", "Duration of statements that lock rows, waiting included.", buckets=_WAIT_BUCKETS
)
celery_tasks = Histogram(
    "celery_task_duration_seconds", "Duration of tasks, by outcome.", ["task", "outcome"], buckets=_TASK_BUCKETS
)
read_errors = Counter("metrics_read_errors_total", "Gauges that could not be read for a scrape.", ["reader"])

for _kind in LOCK_ERRORS:
    lock_errors.labels(_kind)
for _why in DROPPED:
    web_requests_dropped.labels(_why)


def count_on_commit(counter: Counter, amount: float = 1) -> None:
    """Increment the counter once the current transaction has committed."""

    def count() -> None:
        counter.inc(amount)

    transaction.on_commit(count, robust=True)


# --- Read at scrape time ----------------------------------------------------------------------------------------------

Reader = Callable[[], Iterable[GaugeMetricFamily]]


class _CachedReader:
    """A reader whose result is cached, so that scrapes cannot load the database."""

    def __init__(self, read: Reader, name: str, seconds: float, vital: bool) -> None:
        self._read, self._name, self._seconds = read, name, seconds
        self.vital = vital
        self._lock = threading.Lock()
        self._cached: list[GaugeMetricFamily] = []
        self._expires_at = 0.0
        read_errors.labels(name)

    def families(self) -> list[GaugeMetricFamily]:
        """The gauges; none if reading fails, which is counted."""
        with self._lock:
            if time.monotonic() >= self._expires_at:
                self._cached = self._read_now()
                self._expires_at = time.monotonic() + self._seconds
            return self._cached

    def forget(self) -> None:
        self._expires_at = 0.0

    def _read_now(self) -> list[GaugeMetricFamily]:
        try:
            return list(self._read())
        except Exception as error:  # one broken reader must not break the scrape
            read_errors.labels(self._name).inc()
            logger.warning("The gauges of %s cannot be read: %s", self._name, type(error).__name__)
            return []


_readers: dict[str, _CachedReader] = {}


def at_scrape(*, seconds: float = 10, vital: bool = False) -> Callable[[Reader], Reader]:
    """Decorator: expose the function's gauges at /metrics. It runs at most every `seconds` in a process.

    Its queries must be few, and bounded by an index. `vital` gauges say whether the shop is healthy: /health/full shows
    them too.
    """

    def register(read: Reader) -> Reader:
        name = read.__module__.split(".")[0] + "." + read.__name__
        _readers[name] = _CachedReader(read, name, seconds, vital)
        return read

    return register


def gauge(
    name: str, documentation: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    """A family with one sample per tuple of label values; `{(): 3}` without labels."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


class ScrapedGauges:
    """Everything registered by `at_scrape`, as a prometheus-client collector."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for reader in list(_readers.values()):
            yield from reader.families()


def scraped(*, only_vital: bool = False) -> dict[str, dict[str, float]]:
    """The gauges' values by name and label values: `{"breaker_state": {"stripe": 0.0}}`. Cached as for a scrape.

    Gauges that cannot be read are absent.
    """
    return {
        family.name: {",".join(sample.labels.values()): sample.value for sample in family.samples}
        for reader in list(_readers.values())
        if reader.vital or not only_vital
        for family in reader.families()
    }


def forget_scraped() -> None:
    """Make the next scrape read all gauges again."""
    for reader in _readers.values():
        reader.forget()
