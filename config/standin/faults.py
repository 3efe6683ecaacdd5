"""The faults of a stand-in: what they have in common, and which of them a request hits."""

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Generic, TypeVar


@dataclass(slots=True)
class Fault:
    """One fault. It hits `times` requests (None: no limit) whose path starts with `path`."""

    kind: str = "error"
    path: str = "/"
    error_status: int = 500
    latency_ms: int = 0
    seconds: float = 2.0
    probability: float = 1.0
    times: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault may hit such a request."""
        return path.startswith(self.path)


FaultType = TypeVar("FaultType", bound=Fault)


class Faults(Generic[FaultType]):
    """The faults that are on. Thread-safe.

    `parse` turns a JSON object into a fault; what it raises for a bad one comes out of `add`.
    """

    def __init__(self, parse: Callable[[dict[str, Any]], FaultType]) -> None:
        self._parse = parse
        self._faults: list[FaultType] = []
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311  (decides which request fails, nothing secret)

    def add(self, document: dict[str, Any]) -> FaultType:
        """Switch a fault on. `seed` makes `probability` repeatable.

        A fault of the kind `refused` is not kept: the caller closes the socket at once.
        """
        values = dict(document)
        seed = values.pop("seed", None)
        fault = self._parse(values)
        with self._lock:
            if seed is not None:
                self._random.seed(seed)
            if fault.kind != "refused":
                self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def on(self, kind: str) -> bool:
        """Whether a fault of this kind is on. Does not count as a hit."""
        return bool(self.active(kind))

    def active(self, kind: str) -> list[FaultType]:
        """The faults of this kind that are on. Does not count as a hit."""
        with self._lock:
            return [fault for fault in self._faults if fault.kind == kind]

    def strike(self, method: str, path: str) -> FaultType | None:
        """The fault that hits this request, if any. Counts as a hit."""
        return self.hit(lambda fault: fault.matches(method, path))

    def hit(self, applies: Callable[[FaultType], bool]) -> FaultType | None:
        """The first fault that `applies`, if its probability wants it. Counts as a hit."""
        with self._lock:
            for fault in self._faults:
                if applies(fault) and self._random.random() < fault.probability:
                    self._count_down(fault)
                    return fault
        return None

    def _count_down(self, fault: FaultType) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)


def unknown_fields(kind: type[Fault], values: dict[str, Any]) -> list[str]:
    """The names in `values` that are not fields of this class."""
    return sorted(set(values) - {field.name for field in fields(kind)})
