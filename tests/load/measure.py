"""What a run cost: CPU and memory of process trees, the counters that the shop keeps, and who else was at work."""

import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from prometheus_client.multiprocess import MultiProcessCollector

# So much of the machine's time spent by others than us makes a run a disturbed one.
DISTURBED_SHARE = 0.1
# Views that are no shopper's: the provider's messages.
MACHINES = "payments:"


def cpu_seconds(roots: Iterable[int]) -> float:
    """Of these processes and all below them, the ended ones included as far as somebody has waited for them."""
    total = 0.0
    for root in roots:
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

    `requests`, `statements`, `requests without statements`; `cache hit`, `cache stale`, `cache miss`; and for each
    stage of a checkout `stage X` (seconds).
    """
    found: Counts = Counter()
    for family in MultiProcessCollector.merge([str(file) for file in metrics.glob("*.db")]):
        for sample in family.samples:
            labels = sample.labels
            if sample.name.startswith("http_request_statements") and labels["view"].startswith(MACHINES):
                continue
            name = {
                "http_request_statements_count": "requests",
                "http_request_statements_sum": "statements",
                "cache_requests_total": f"cache {labels.get('result')}",
                "checkout_duration_seconds_sum": f"stage {labels.get('stage')}",
            }.get(sample.name)
            if sample.name == "http_request_statements_bucket" and float(labels["le"]) == 0:
                name = "requests without statements"
            if name:
                found[name] += sample.value
    return found


@dataclass(frozen=True)
class Snapshot:
    """Where the clocks of CPU stand."""

    web: float
    database: float
    ours: float
    machine: float

    @classmethod
    def taken(cls, web: Iterable[int], database: int) -> "Snapshot":
        return cls(cpu_seconds(web), cpu_seconds([database]), cpu_seconds([os.getpid()]), busy_seconds())

    def since(self, earlier: "Snapshot") -> "Snapshot":
        return Snapshot(
            self.web - earlier.web,
            self.database - earlier.database,
            self.ours - earlier.ours,
            self.machine - earlier.machine,
        )

    def foreign_share(self, seconds: float) -> float:
        """Of all the CPU time that there was in `seconds`, the share that went to others than us."""
        available = seconds * (psutil.cpu_count() or 1)
        return max(0.0, self.machine - self.ours) / available if available else 0.0
