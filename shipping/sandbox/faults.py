"""Faults that can be switched on while the sandbox runs.

Kinds: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `hang` (holds the connection for
`seconds` without a response), `trickle` (sends a byte at a time for `seconds`), `garbage` (answers `body` with status
200), `huge` (answers megabytes), `refused` (refuses connections for `seconds`), `cut_off` (of `/brasilapi/`: it reaches
none of the services that it asks, and answers 404), `lost_answer` (does the work, then drops the connection). With
`after: true`, `error` and `hang` strike after the work, too.
Of webhooks, all of them or those of `types`: `webhooks_held` (delivers none while it is on), `webhooks_doubled`,
`webhooks_late` (by `seconds`, so that later ones overtake it), `webhooks_lost`.
"""

from dataclasses import dataclass, field
from typing import Any

from config.standin import faults

STRIKING = frozenset({"slow", "error", "hang", "trickle", "garbage", "huge", "cut_off", "lost_answer"})
KINDS = STRIKING | {"refused", "webhooks_held", "webhooks_doubled", "webhooks_late", "webhooks_lost"}
HANG_SECONDS = 60.0
REFUSED_SECONDS = 2.0


class InvalidFault(Exception):
    """The fault has an unknown kind or field."""


@dataclass(slots=True)
class Fault(faults.Fault):
    path: str = "/api/"
    method: str | None = None
    after: bool = False
    types: list[str] = field(default_factory=list)
    seconds: float = HANG_SECONDS
    body: str = "<html><body><h1>Bad gateway</h1></body></html>"

    def matches(self, method: str, path: str) -> bool:
        return self.kind in STRIKING and path.startswith(self.path) and self.method in {None, method}

    def concerns(self, kind: str, event: str) -> bool:
        """Whether this fault is of this kind and about events of this name."""
        return self.kind == kind and (not self.types or event in self.types)


Faults = faults.Faults[Fault]


def parse(values: dict[str, Any]) -> Fault:
    """The fault described by a JSON object. Raises InvalidFault."""
    unknown = faults.unknown_fields(Fault, values)
    if unknown or values.get("kind") not in KINDS:
        raise InvalidFault(f"Send a JSON object with a kind, one of {sorted(KINDS)}. {unknown}")
    if values["kind"] == "refused":
        values.setdefault("seconds", REFUSED_SECONDS)
    return Fault(**values)
