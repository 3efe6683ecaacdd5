"""What still grows at the end of a soak, beyond what was sold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, median

# How much of its value a series may rise in the last third and still count as level: noise of the machine.
LEVEL_SHARE = 0.05
# And how much more each order may add in the last third than it added in the one before.
PER_ORDER_SHARE = 0.5


@dataclass(frozen=True)
class Kind:
    """What a series measures. `slack` is a rise too small to speak of, in `unit`.

    `with_orders`: it holds what was sold, so that it may grow with every order, but not ever faster.
    """

    unit: str
    slack: float
    with_orders: bool


MEMORY = Kind("MB", 8, with_orders=False)
DATA_MEMORY = Kind("MB", 16, with_orders=True)
FILES = Kind("open files", 8, with_orders=False)
CONNECTIONS = Kind("connections", 4, with_orders=False)
KEYS = Kind("keys", 200, with_orders=True)
BYTES = Kind("kB", 1024, with_orders=True)
ROWS = Kind("rows", 100, with_orders=True)
AGE = Kind("s", 60, with_orders=False)


@dataclass(frozen=True)
class Sample:
    """One moment: seconds since the start, orders sold so far, and every series' value by its name."""

    seconds: float
    sold: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Growth:
    series: str
    kind: Kind
    rise: float
    allowed: float

    def __str__(self) -> str:
        rise = f"{self.rise:.0f} {self.kind.unit} more in the last third"
        return f"{self.series}: {rise}, of which {self.allowed:.0f} are explained"


def what_grows(samples: Sequence[Sample], kinds: Mapping[str, Kind]) -> list[Growth]:
    """The series that rose in the last third by more than is explained. Needs nine samples or more."""
    third = len(samples) // 3
    if third < 3:
        raise ValueError("Too few samples for a verdict.")
    before, last = samples[-2 * third : -third], samples[-third:]
    found = []
    for series, kind in kinds.items():
        rise = _rise(last, series)
        allowed = max(kind.slack, LEVEL_SHARE * mean(sample.values[series] for sample in last))
        if kind.with_orders:
            per_order = max(0.0, _rise(before, series)) / max(1, _sold(before))
            allowed = max(allowed, per_order * _sold(last) * (1 + PER_ORDER_SHARE) + kind.slack)
        if rise > allowed:
            found.append(Growth(series, kind, rise, allowed))
    return sorted(found, key=lambda growth: growth.series)


def _sold(samples: Sequence[Sample]) -> int:
    return samples[-1].sold - samples[0].sold


def _rise(samples: Sequence[Sample], series: str) -> float:
    """By the median of the slopes between any two (Theil and Sen): a peak is no growth."""
    slopes = [
        (later.values[series] - earlier.values[series]) / (later.seconds - earlier.seconds)
        for earlier, later in combinations(samples, 2)
    ]
    return median(slopes) * (samples[-1].seconds - samples[0].seconds)
