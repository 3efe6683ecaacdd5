"""Gauges of the broker and the breakers, read when /metrics is scraped."""

import json
import time
from collections.abc import Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily

from config.resilience.breakers import breaker, names
from config.telemetry.metrics import at_scrape, gauge
from config.telemetry.tasks import SENT_AT

STATES = {"closed": 0, "half-open": 1, "open": 2}
QUEUE = "celery"


@at_scrape(seconds=5, vital=True)
def breakers() -> Iterator[GaugeMetricFamily]:
    states = {(name,): float(STATES.get(breaker(name).state, 0)) for name in names()}
    yield gauge("breaker_state", "0 closed, 1 half-open, 2 open.", states, ("service",))


@at_scrape(seconds=5, vital=True)
def queue() -> Iterator[GaugeMetricFamily]:
    """How many tasks wait, and the age of the oldest. kombu keeps the queue as a list with the oldest at its end."""
    if not settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://", "sentinel://")):
        return
    # Through Celery's own connection, which can find the master behind Sentinel.
    with current_app.connection_for_read() as broker:
        channel: Any = broker.default_channel
        pipeline = channel.client.pipeline(transaction=False)
        pipeline.llen(QUEUE)
        pipeline.lindex(QUEUE, -1)
        length, oldest = pipeline.execute()
    yield gauge("celery_queue_length", "Tasks that no worker has taken yet.", {(): length})
    yield gauge("celery_queue_oldest_seconds", "Age of the oldest waiting task.", {(): _age(oldest)})


def _age(message: bytes | None) -> float:
    if message is None:
        return 0.0
    try:
        sent_at = float(json.loads(message)["headers"][SENT_AT])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, time.time() - sent_at)
