"""Faults that can be switched on while the sandbox runs.

Kinds: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `lost_answer` (does the work, then
drops the connection without a response), `hang` (holds the connection for `seconds` without a response), `refused`
(refuses connections for `seconds`), `late_pix` (accepts Pix payments after expiry), `webhooks_held` (delivers no
webhooks), `webhooks_doubled` (delivers each twice). With `after: true`, `error` and `hang` strike after the commit.
"""

from dataclasses import dataclass
from typing import Any

from config.standin import faults
from payments.sandbox.wire import invalid

KINDS = frozenset({"slow", "error", "lost_answer", "hang", "refused", "late_pix", "webhooks_held", "webhooks_doubled"})
STRIKING = frozenset({"slow", "error", "lost_answer", "hang"})


@dataclass(slots=True)
class Fault(faults.Fault):
    path: str = "/v1/"
    method: str | None = None
    after: bool = False

    def matches(self, method: str, path: str) -> bool:
        return self.kind in STRIKING and path.startswith(self.path) and self.method in {None, method}


Faults = faults.Faults[Fault]


def parse(values: dict[str, Any]) -> Fault:
    """The fault described by a JSON object. Raises ApiError if it is invalid."""
    values.setdefault("kind", "slow" if "latency_ms" in values and "error_status" not in values else "error")
    values.setdefault("seconds", 60.0 if values["kind"] == "hang" else 2.0)
    unknown = faults.unknown_fields(Fault, values)
    if unknown or values["kind"] not in KINDS:
        raise invalid(f"Unknown fault: {', '.join(unknown) or values['kind']}. Kinds: {sorted(KINDS)}")
    return Fault(**values)
