"""Faults that can be switched on while the sandbox runs.

Kinds: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `hang` (holds the connection for
`seconds` without a response), `trickle` (sends a byte at a time for `seconds`), `garbage` (answers `body` with status
200), `huge` (answers megabytes), `refused` (refuses connections for `seconds`), `cut_off` (of `/brasilapi/`: it reaches
none of the services that it asks, and answers 404).
"""

from dataclasses import dataclass
from typing import Any

from config.standin import faults

KINDS = frozenset({"slow", "error", "hang", "trickle", "garbage", "huge", "refused", "cut_off"})
HANG_SECONDS = 60.0
REFUSED_SECONDS = 2.0


class InvalidFault(Exception):
    """The fault has an unknown kind or field."""


@dataclass(slots=True)
class Fault(faults.Fault):
    path: str = "/api/"
    seconds: float = HANG_SECONDS
    body: str = "<html><body><h1>Bad gateway</h1></body></html>"


Faults = faults.Faults[Fault]


def parse(values: dict[str, Any]) -> Fault:
    """The fault described by a JSON object. Raises InvalidFault."""
    unknown = faults.unknown_fields(Fault, values)
    if unknown or values.get("kind") not in KINDS:
        raise InvalidFault(f"Send a JSON object with a kind, one of {sorted(KINDS)}. {unknown}")
    if values["kind"] == "refused":
        values.setdefault("seconds", REFUSED_SECONDS)
    return Fault(**values)
