"""The cost of a run: CPU and memory of process trees, the shop's counters, and the work of other processes."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from prometheus_client.multiprocess import MultiProcessCollector

# A run is disturbed if other processes used this share of the machine's time.
DISTURBED_SHARE = 0.1
# Views that no shopper calls: the provider's webhooks.
MACHINES = "payments:"
# The view that places an order: the old shop's, the new one's.
PLACING = ("checkout", "api:checkout")


def cpu_seconds(root: int) -> float:
    """CPU of this process and its descendants, including ended ones that their parent has waited for."""
    total = 0.0
    for process in _tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes(roots: Iterable[int]) -> float:
    """Memory of these process trees; shared pages count once."""
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
    """CPU seconds that the machine was busy since it started; stolen time counts."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


class PeakMemory:
    """Watches process trees in the background; `megabytes` is their peak."""

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
    """The counters in a side's metrics folder, summed over the labels that do not matter here.

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
    """The names under which a sample is counted; for most samples none."""
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
    """CPU time used so far, in seconds. `ours` is everything that the bench has started, and the bench itself."""

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
        """k6, the stand-ins, Valkey, the bench itself, and the idle other side."""
        return self.ours - self.web - self.worker - self.database

    def foreign_share(self, seconds: float) -> float:
        """The share of all CPU time available in `seconds` that other processes used."""
        available = seconds * (psutil.cpu_count() or 1)
        return max(0.0, self.machine - self.ours) / available if available else 0.0


def fixed_loop() -> int:
    """The same work each time, of the kinds that a shop does: calls, attributes, dictionaries, text, numbers."""
    kept: dict[str, int] = {}
    for number in range(70_000):
        name = f"line {number % 97}"
        kept[name] = kept.get(name, 0) + len(name.split())
    return sum(kept.values())


def fixed_loop_ms() -> float:
    """How fast this machine is now: milliseconds of CPU for `fixed_loop`, the best of three."""
    return 1000 * min(_cpu_of(fixed_loop) for _ in range(3))


def _cpu_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
