"""What is measured of any part of the shop, and the tools that an app's own `metrics.py` is made of.

Names and units follow Prometheus' conventions; every label takes its values from a small, fixed set. Series that an
alert looks for exist from the start, at zero: a series that is absent never fires.

What a process counts itself are Counters and Histograms, each declared in the `metrics.py` of whose events it counts.
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
_STATEMENT_BUCKETS = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30, 50, 100)

request_statements = Histogram(
    "http_request_statements", "Database statements of a request, by view.", ["view"], buckets=_STATEMENT_BUCKETS
)
statement_duration = Histogram(
    "database_statement_duration_seconds", "Statements on every connection, waiting included.", buckets=_WAIT_BUCKETS
)
web_threads_busy = Gauge(
    "web_threads_busy", "Requests that are being answered at this moment.", multiprocess_mode="livesum"
)
# Every lock is counted here; that the names say `checkout` is older, and dashboards and alerts rely on it.
lock_errors = Counter(
    "checkout_lock_errors_total", "Locks that could not be taken, or that were lost before their release.", ["kind"]
)
lock_contention = Counter("checkout_lock_contention_total", "Locks that somebody else held.", ["lock"])
lock_wait = Histogram(
    "checkout_lock_wait_seconds", "How long statements that lock rows took, waiting included.", buckets=_WAIT_BUCKETS
)
celery_tasks = Histogram(
    "celery_task_duration_seconds", "Tasks that workers have run.", ["task", "outcome"], buckets=_TASK_BUCKETS
)
read_errors = Counter("metrics_read_errors_total", "Gauges that could not be read for a scrape.", ["reader"])

for _kind in LOCK_ERRORS:
    lock_errors.labels(_kind)


def count_on_commit(counter: Counter, amount: float = 1) -> None:
    """Count what the transaction under way does, once it has committed."""

    def count() -> None:
        counter.inc(amount)

    transaction.on_commit(count, robust=True)


# --- Read at scrape time ----------------------------------------------------------------------------------------------

Reader = Callable[[], Iterable[GaugeMetricFamily]]


class _KeptReader:
    """A reader whose answer is kept for a while, so that scrapes cannot load the database."""

    def __init__(self, read: Reader, name: str, seconds: float, vital: bool) -> None:
        self._read, self._name, self._seconds = read, name, seconds
        self.vital = vital
        self._lock = threading.Lock()
        self._kept: list[GaugeMetricFamily] = []
        self._until = 0.0
        read_errors.labels(name)

    def families(self) -> list[GaugeMetricFamily]:
        """What was read; nothing where it cannot be read, which is counted."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._kept = self._read_now()
                self._until = time.monotonic() + self._seconds
            return self._kept

    def forget(self) -> None:
        self._until = 0.0

    def _read_now(self) -> list[GaugeMetricFamily]:
        try:
            return list(self._read())
        except Exception as error:  # a scrape tells what it can
            read_errors.labels(self._name).inc()
            logger.warning("The gauges of %s cannot be read: %s", self._name, type(error).__name__)
            return []


_readers: dict[str, _KeptReader] = {}


def at_scrape(*, seconds: float = 10, vital: bool = False) -> Callable[[Reader], Reader]:
    """Have a function's gauges shown by /metrics; it runs at most every `seconds` in a process.

    Its queries must be few, and bounded by an index. Vital are gauges by which one sees whether a shop is well: the
    health page shows them too.
    """

    def register(read: Reader) -> Reader:
        name = read.__module__.split(".")[0] + "." + read.__name__
        _readers[name] = _KeptReader(read, name, seconds, vital)
        return read

    return register


def gauge(
    name: str, documentation: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    """A family with one sample for each tuple of label values; `{(): 3}` where there are no labels."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


class ScrapedGauges:
    """All that was registered by `at_scrape`, as prometheus-client wants it."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for reader in list(_readers.values()):
            yield from reader.families()


def scraped(*, only_vital: bool = False) -> dict[str, dict[str, float]]:
    """What the gauges say, by name and label values: `{"breaker_state": {"stripe": 0.0}}`; as old as a scrape may be.

    Gauges that cannot be read are absent.
    """
    return {
        family.name: {",".join(sample.labels.values()): sample.value for sample in family.samples}
        for reader in list(_readers.values())
        if reader.vital or not only_vital
        for family in reader.families()
    }


def forget_scraped() -> None:
    """Have the next scrape read anew."""
    for reader in _readers.values():
        reader.forget()
