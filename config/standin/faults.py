"""The switches of a stand-in: what every fault has, and how the faults that are on strike and run out."""

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Generic, TypeVar


@dataclass(slots=True)
class Fault:
    """One switch. `times` counts down to nothing (None: for ever); `path` is where a request's path must begin."""

    kind: str = "error"
    path: str = "/"
    error_status: int = 500
    latency_ms: int = 0
    seconds: float = 2.0
    probability: float = 1.0
    times: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault may strike such a request."""
        return path.startswith(self.path)


FaultType = TypeVar("FaultType", bound=Fault)


class Faults(Generic[FaultType]):
    """The switches that are on. Safe to use from several threads.

    `parse` makes a fault of a JSON object; what it raises where that is misspelt comes out of `add`.
    """

    def __init__(self, parse: Callable[[dict[str, Any]], FaultType]) -> None:
        self._parse = parse
        self._faults: list[FaultType] = []
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311  (decides which request fails, nothing secret)

    def add(self, document: dict[str, Any]) -> FaultType:
        """Switch on; `seed` makes the choices of `probability` repeatable.

        `refused` is nothing that stays: the caller closes the door.
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
        """Whether a switch of this kind is on. Does not count down."""
        with self._lock:
            return any(fault.kind == kind for fault in self._faults)

    def strike(self, method: str, path: str) -> FaultType | None:
        """The fault that hits this request, if any; counts it down."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path) and self._random.random() < fault.probability:
                    self._count_down(fault)
                    return fault
        return None

    def _count_down(self, fault: FaultType) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)


def unknown_fields(kind: type[Fault], values: dict[str, Any]) -> list[str]:
    """The names among `values` that no fault of this class has."""
    return sorted(set(values) - {field.name for field in fields(kind)})
