"""Metrics of retention: rows removed, and rows past their time."""

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from config.retention.rules import RetentionRule, all_rules
from config.telemetry.metrics import at_scrape, gauge

retention_removed = Counter("retention_removed_total", "Rows deleted or stripped of personal data, by rule.", ["rule"])

# Counting stops here: more is "at least this many".
COUNTED_AT_MOST = 1_000


def count_past_due(rule: RetentionRule) -> int:
    """Rows past their time, counted up to COUNTED_AT_MOST. One statement."""
    return rule.past_due(timezone.now()).values("pk")[:COUNTED_AT_MOST].count()


@at_scrape(seconds=300)
def retention() -> Iterator[GaugeMetricFamily]:
    """A bounded, indexed count for each rule."""
    counts = {(rule.name,): float(count_past_due(rule)) for rule in all_rules()}
    yield gauge("retention_past_due", "Rows past their retention period, at most 1000 of each rule.", counts, ("rule",))
