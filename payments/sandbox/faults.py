"""Faults that can be switched on while the sandbox runs.

Of requests: `slow` (waits `latency_ms`, then works), `error` (answers `error_status`), `lost_answer` (does the work,
then drops the connection without a response), `hang` (holds the connection for `seconds` without a response), `refused`
(refuses connections for `seconds`). With `after: true`, `error` and `hang` strike after the commit.
An `error` comes from what stands before the API: the next call with the same idempotency key gets the true answer. With
`kept: true` the API itself fails once its work has begun, as Stripe's does: the error is kept under the key for a day
and replayed; nothing was done, or with `after: true` all was.
Of payments: `late_pix` (accepts Pix after its expiry), `manual_capture` (cards are only authorized, as when the account
is set so).
Of refunds, each as they begin: `refunds_pending` (for `seconds`, then they succeed), `refunds_unfunded` (the balance is
too small: cards wait until moved by a control, Pix fails), `refunds_failed` (at once, with `code` as the failure
reason), `refunds_refused` (answers 400 with `code`, by default `balance_insufficient`).
Of webhooks, all of them or those of `types` (`charge.dispute.*` is a group): `webhooks_held` (delivers none while it is
on), `webhooks_doubled` (delivers each twice). Decided when the event is made: `webhooks_late` (by `seconds`),
`webhooks_shuffled` (an event overtakes the one before it, which waits for up to `seconds`), `webhooks_lost` (never).
All of them combine. Times are by the sandbox's clock.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from config.standin import faults
from payments.sandbox.wire import invalid

STRIKING = frozenset({"slow", "error", "lost_answer", "hang"})
KINDS = STRIKING | {
    "refused", "late_pix", "manual_capture",
    "refunds_pending", "refunds_unfunded", "refunds_failed", "refunds_refused",
    "webhooks_held", "webhooks_doubled", "webhooks_late", "webhooks_shuffled", "webhooks_lost",
}  # fmt: skip


@dataclass(slots=True)
class Fault(faults.Fault):
    path: str = "/v1/"
    method: str | None = None
    after: bool = False
    kept: bool = False
    code: str = ""
    types: list[str] = field(default_factory=list)

    def matches(self, method: str, path: str) -> bool:
        return self.kind in STRIKING and path.startswith(self.path) and self.method in {None, method}

    def concerns(self, kind: str, event_type: str) -> bool:
        """Whether this fault is of this kind and about events of this type."""
        return self.kind == kind and (not self.types or any(fnmatchcase(event_type, type_) for type_ in self.types))


Faults = faults.Faults[Fault]


def parse(values: dict[str, Any]) -> Fault:
    """The fault described by a JSON object. Raises ApiError if it is invalid."""
    values.setdefault("kind", "slow" if "latency_ms" in values and "error_status" not in values else "error")
    values.setdefault("seconds", 60.0 if values["kind"] == "hang" else 2.0)
    unknown = faults.unknown_fields(Fault, values)
    if unknown or values["kind"] not in KINDS:
        raise invalid(f"Unknown fault: {', '.join(unknown) or values['kind']}. Kinds: {sorted(KINDS)}")
    if values.get("kept") and values["kind"] != "error":
        raise invalid("Only an error can be kept.")
    return Fault(**values)
