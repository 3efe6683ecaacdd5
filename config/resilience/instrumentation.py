"""Counts and times calls to outside services, in the one place that all of them pass: their breaker."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from config.telemetry import tracing
from config.telemetry.request_cost import time_spent

CALL_OUTCOMES = ("answered", "failed", "rejected")

breaker_trips = Counter("breaker_trips_total", "How often a breaker has opened after calls went through.", ["service"])
provider_calls = Histogram(
    "provider_call_duration_seconds",
    "Calls of outside services: answered, failed, or rejected by an open circuit.",
    ["service", "outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
)


def initialize_series(service: str) -> None:
    """Create the service's series before its first call."""
    breaker_trips.labels(service)
    for outcome in CALL_OUTCOMES:
        provider_calls.labels(service, outcome)


@contextmanager
def measured_call(service: str, failure: type[Exception], rejection: type[Exception]) -> Iterator[None]:
    """Time a call and count its outcome. Any error but `failure` and `rejection` is an answer, such as a declined
    card."""
    began, outcome = time.perf_counter(), "answered"
    try:
        with time_spent("provider"), tracing.span("client", service):
            yield
    except failure:
        outcome = "failed"
        raise
    except rejection:
        outcome = "rejected"
        raise
    finally:
        provider_calls.labels(service, outcome).observe(time.perf_counter() - began)
