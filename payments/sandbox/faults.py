"""Faults that can be switched on while the sandbox runs.

Kinds: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `lost_answer` (does everything, then
drops the connection without a byte), `hang` (holds the connection for `seconds` without an answer), `refused` (listens
to nobody for `seconds`), `late_pix` (takes Pix payments that come too late), `webhooks_held` (delivers no webhooks),
`webhooks_doubled` (delivers each twice). `after: true` lets `error` and `hang` strike after the work is done and kept.
"""

import random
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

from payments.sandbox.wire import invalid

KINDS = frozenset({"slow", "error", "lost_answer", "hang", "refused", "late_pix", "webhooks_held", "webhooks_doubled"})
STRIKING = frozenset({"slow", "error", "lost_answer", "hang"})


@dataclass(slots=True)
class Fault:
    """One switch. `times` counts down to nothing (None: for ever); `path` is where a request's path must begin."""

    kind: str = "error"
    path: str = "/v1/"
    method: str | None = None
    error_status: int = 500
    latency_ms: int = 0
    seconds: float = 2.0
    probability: float = 1.0
    times: int | None = None
    after: bool = False


class Faults:
    """The switches that are on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311  (decides which request fails, nothing secret)

    def add(self, document: dict[str, Any]) -> Fault:
        """Switch on. `seed` makes the choices of `probability` repeatable. Raises ApiError where it is misspelt."""
        if not document:
            raise invalid(f"Say which fault: a JSON object with a kind, one of {sorted(KINDS)}.")
        values = dict(document)
        seed = values.pop("seed", None)
        values.setdefault("kind", "slow" if "latency_ms" in values and "error_status" not in values else "error")
        values.setdefault("seconds", 60.0 if values["kind"] == "hang" else 2.0)
        unknown = set(values) - {field.name for field in fields(Fault)}
        if unknown or values["kind"] not in KINDS:
            raise invalid(f"Unknown fault: {', '.join(sorted(unknown)) or values['kind']}. Kinds: {sorted(KINDS)}")
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

    def on(self, kind: str) -> bool:
        """Whether a switch of this kind is on. Does not count down."""
        with self._lock:
            return any(fault.kind == kind for fault in self._faults)

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, if any; counts it down."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in STRIKING and self._hits(fault, method, path):
                    self._count_down(fault)
                    return fault
        return None

    def _hits(self, fault: Fault, method: str, path: str) -> bool:
        if not path.startswith(fault.path) or fault.method not in {None, method}:
            return False
        return self._random.random() < fault.probability

    def _count_down(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
