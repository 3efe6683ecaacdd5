"""What a run cost: CPU and memory of process trees, the counters that the shop keeps, and who else was at work."""

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from prometheus_client.multiprocess import MultiProcessCollector

# So much of the machine's time spent by others than us makes a run a disturbed one.
DISTURBED_SHARE = 0.1
# Views that are no shopper's: the provider's messages.
MACHINES = "payments:"
# The view that makes a cart an order: the old shop's, the new one's.
PLACING = ("checkout", "api:checkout")


def cpu_seconds(root: int) -> float:
    """Of this process and all below it, the ended ones included as far as somebody has waited for them."""
    total = 0.0
    for process in _tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes(roots: Iterable[int]) -> float:
    """Memory of these trees; what processes share is counted once."""
    total = 0
    for root in roots:
        for process in _tree(root):
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
    return total / 2**20


def _tree(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def busy_seconds() -> float:
    """CPU seconds that the machine has worked since it started, for whomever; stolen ones count."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


class PeakMemory:
    """Watches trees in the background; `megabytes` is the most that they held at one time."""

    def __init__(self, roots: Iterable[int], every_seconds: float = 1.0) -> None:
        self._roots, self._every = list(roots), every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.megabytes = 0.0

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.megabytes = max(self.megabytes, megabytes(self._roots))
            if self._over.wait(self._every):
                return


Counts = Counter[str]


def counts(metrics: Path) -> Counts:
    """The counters that a side's processes have written to its folder, added up over what is of no interest here.

    `requests`, `statements`, `requests without statements`, and each of them also `… of VIEW`; `cache hit`,
    `cache stale`, `cache miss`, and `cache miss of NAME`; and for each stage of a checkout `stage X` (seconds).
    """
    found: Counts = Counter()
    for family in MultiProcessCollector.merge([str(file) for file in metrics.glob("*.db")]):
        for sample in family.samples:
            for name in _names(sample.name, sample.labels):
                found[name] += sample.value
    return found


def _names(sample: str, labels: Mapping[str, str]) -> list[str]:
    """Under which names a sample is counted here; mostly under none."""
    if sample == "checkout_duration_seconds_sum":
        return [f"stage {labels['stage']}"]
    if sample == "cache_requests_total":
        result = f"cache {labels['result']}"
        return [result, f"{result} of {labels['name']}"]
    name = {
        "http_request_statements_count": "requests",
        "http_request_statements_sum": "statements",
        "http_request_statements_bucket": "requests without statements" if _first_bucket(labels) else None,
    }.get(sample)
    return [name, f"{name} of {labels['view']}"] if name and not labels["view"].startswith(MACHINES) else []


def _first_bucket(labels: Mapping[str, str]) -> bool:
    return "le" in labels and float(labels["le"]) == 0


@dataclass(frozen=True)
class Snapshot:
    """Where the clocks of CPU stand, in seconds. `ours` is everything that the bench has started, itself included."""

    web: float
    worker: float
    database: float
    ours: float
    machine: float

    @classmethod
    def taken(cls, web: int, worker: int | None, database: int) -> "Snapshot":
        return cls(
            web=cpu_seconds(web),
            worker=cpu_seconds(worker) if worker else 0.0,
            database=cpu_seconds(database),
            ours=cpu_seconds(os.getpid()),
            machine=busy_seconds(),
        )

    def since(self, earlier: "Snapshot") -> "Snapshot":
        return Snapshot(**{name: value - getattr(earlier, name) for name, value in asdict(self).items()})

    @property
    def load(self) -> float:
        """k6, the stand-ins, Valkey and the bench itself; and the other side, which idles."""
        return self.ours - self.web - self.worker - self.database

    def foreign_share(self, seconds: float) -> float:
        """Of all the CPU time that there was in `seconds`, the share that went to others than us."""
        available = seconds * (psutil.cpu_count() or 1)
        return max(0.0, self.machine - self.ours) / available if available else 0.0
