"""Faults that can be switched on while the stand-in runs.

Kinds: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `hang` (holds the connection for
`seconds` without an answer), `trickle` (answers a byte at a time for `seconds`), `garbage` (answers `body` with status
200), `huge` (answers megabytes), `refused` (listens to nobody for `seconds`).
"""

import random
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS = frozenset({"slow", "error", "hang", "trickle", "garbage", "huge", "refused"})
HELD_SECONDS = 60.0
REFUSED_SECONDS = 2.0


class Misspelt(Exception):
    """No such switch."""


@dataclass(slots=True)
class Fault:
    """One switch. `times` counts down to nothing (None: for ever); `path` is where a request's path must begin."""

    kind: str = "error"
    path: str = "/api/"
    error_status: int = 500
    latency_ms: int = 0
    seconds: float = HELD_SECONDS
    probability: float = 1.0
    times: int | None = None
    body: str = "<html><body><h1>Bad gateway</h1></body></html>"


class Faults:
    """The switches that are on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311  (decides which request fails, nothing secret)

    def add(self, document: dict[str, Any]) -> Fault:
        """Switch on; `seed` makes the choices of `probability` repeatable. Raises Misspelt.

        `refused` is nothing that stays: the caller closes the door.
        """
        values = dict(document)
        seed = values.pop("seed", None)
        unknown = set(values) - {field.name for field in fields(Fault)}
        if unknown or values.get("kind") not in KINDS:
            raise Misspelt(f"Say which fault: a JSON object with a kind, one of {sorted(KINDS)}. {sorted(unknown)}")
        if values["kind"] == "refused":
            values.setdefault("seconds", REFUSED_SECONDS)
        fault = Fault(**values)
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

    def strike(self, path: str) -> Fault | None:
        """The fault that hits this request, if any; counts it down."""
        with self._lock:
            for fault in self._faults:
                if path.startswith(fault.path) and self._random.random() < fault.probability:
                    self._count_down(fault)
                    return fault
        return None

    def _count_down(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
