"""From rounds to figures: plain arithmetic, the same for every scenario and side."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.load.drive import Driven, Record
from tests.load.measure import DISTURBED_SHARE, PLACING, Counts, Snapshot

# The components of a checkout's time, the plan's first.
COMPONENTS = ("cart", "stock and order", "payment", "shipping", "mail", "order page")


@dataclass(frozen=True)
class Round:
    """One run of a scenario against one side, with everything measured."""

    driven: Driven
    verified: int
    counts: Counts
    cost: Snapshot
    seconds: float
    peak_megabytes: float

    @property
    def orders(self) -> int:
        return sum(1 for record in self.driven.records if record.order)

    @property
    def foreign_share(self) -> float:
        return self.cost.foreign_share(self.seconds)


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of the values does not exceed."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


# What the table against the plan compares: each the median of its rounds.
JUDGED = (
    "mean_ms", "p95_ms", "orders_per_s", "no_sql_share", "hit_rate", "web_cpu_s_per_order", "db_cpu_s_per_order",
    "cpu_s_per_request",
)  # fmt: skip


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """The figures of one side in one scenario: over all its rounds, and in `medians` the median of its rounds."""
    by_round = [_figures([one]) for one in rounds]
    medians = {key: statistics.median(figures[key] for figures in by_round) for key in JUDGED}
    return {**_figures(rounds), "medians": medians, "rounds": len(rounds)}


def _figures(rounds: Sequence[Round]) -> dict[str, Any]:
    records = [record for one in rounds for record in one.driven.records]
    good = [record for record in records if record.ok]
    times = [record.ms for record in good]
    counts: Counts = sum((one.counts for one in rounds), Counter())
    orders, seconds = sum(one.orders for one in rounds), sum(one.driven.seconds for one in rounds)
    cpu = {part: sum(getattr(one.cost, part) for one in rounds) for part in ("web", "worker", "database", "load")}
    looked_up = counts["cache hit"] + counts["cache stale"] + counts["cache miss"]
    return {
        "mean_ms": mean(times),
        "p50_ms": percentile(times, 0.50),
        "p95_ms": percentile(times, 0.95),
        "p99_ms": percentile(times, 0.99),
        "calls": mean([record.calls for record in good]),
        "visits": len(good),
        "visits_per_s": share(len(good), seconds),
        "failed": len(records) - len(good),
        "dropped": sum(one.driven.dropped for one in rounds),
        "orders": orders,
        "verified": sum(one.verified for one in rounds),
        "orders_per_s": share(orders, seconds),
        "requests": int(counts["requests"]),
        "statements_per_request": share(counts["statements"], counts["requests"]),
        "hit_rate": share(counts["cache hit"] + counts["cache stale"], looked_up),
        "no_sql_share": share(counts["requests without statements"], counts["requests"]),
        "statements_per_order": share(_of_placing(counts, "statements"), _of_placing(counts, "requests")),
        "web_cpu_s_per_order": share(cpu["web"] + cpu["worker"], orders),
        "worker_cpu_s_per_order": share(cpu["worker"], orders),
        "db_cpu_s_per_order": share(cpu["database"], orders),
        "cpu_s_per_request": share(cpu["web"] + cpu["worker"] + cpu["database"], counts["requests"]),
        "cpu_s": cpu,
        "peak_memory_mb": max((one.peak_megabytes for one in rounds), default=0.0),
        "components_ms": components(good, counts),
        "mean_ms_by_visit": _mean_by_visit(good),
        "sql_by_view": {view: share(number, counts["requests"]) for view, number in _with_statements(counts)},
        "misses_by_name": {name: share(number, looked_up) for name, number in _by(counts, "cache miss")},
        "rounds_mean_ms": [mean([record.ms for record in one.driven.records if record.ok]) for one in rounds],
        "foreign_cpu_share": max((one.foreign_share for one in rounds), default=0.0),
        "disturbed": any(one.foreign_share > DISTURBED_SHARE for one in rounds),
    }


def _of_placing(counts: Counts, what: str) -> float:
    return float(sum(counts[f"{what} of {view}"] for view in PLACING))


def _by(counts: Counts, what: str) -> list[tuple[str, float]]:
    """The count of `what` per label, highest first."""
    mark = f"{what} of "
    found = [(name.removeprefix(mark), value) for name, value in counts.items() if name.startswith(mark) and value]
    return sorted(found, key=lambda entry: -entry[1])


def _with_statements(counts: Counts) -> list[tuple[str, float]]:
    """The number of requests that ran statements per view, highest first."""
    found = [
        (view, number - counts[f"requests without statements of {view}"]) for view, number in _by(counts, "requests")
    ]
    return sorted(((view, number) for view, number in found if number), key=lambda entry: -entry[1])


def _mean_by_visit(records: Iterable[Record]) -> dict[str, float]:
    times: dict[str, list[float]] = defaultdict(list)
    for record in records:
        times[record.what].append(record.ms)
    return {what: mean(values) for what, values in sorted(times.items())}


def components(records: Iterable[Record], counts: Counts) -> dict[str, float]:
    """Milliseconds of a mean checkout by component; empty if no record has its parts.

    The load times the calls; the stages inside of placing the order are timed by the shop itself.
    """
    itemised = [record.parts for record in records if record.order and record.parts]
    if not itemised:
        return {}

    def call(part: str) -> float:
        return sum(parts.get(part, 0.0) for parts in itemised) / len(itemised)

    def stage(name: str) -> float:
        return 1000 * counts[f"stage {name}"] / len(itemised)

    # The old side calls the carrier in several API calls, and its clock counts them all; only the one in "place order"
    # remains to be separated.
    asked_in_place_order = max(0.0, stage("total") - sum(map(stage, ("commit", "authorize", "settle", "mail"))))
    asked_in_place_order = asked_in_place_order if stage("shipping") else 0.0
    inside = stage("authorize") + stage("mail") + asked_in_place_order
    return {
        "cart": call("cart"),
        "stock and order": max(0.0, call("place order") - inside),
        "payment": stage("authorize"),
        "shipping": call("shipping") + asked_in_place_order,
        "mail": stage("mail"),
        "order page": call("order page"),
    }


def change(before: float, after: float) -> float:
    """The relative change: −0.75 if a quarter is left."""
    return after / before - 1 if before else 0.0
