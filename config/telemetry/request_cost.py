"""What a request costs: its number of statements and, if timed, its milliseconds by kind (`db`, `cache`, `provider`,
`render`).

If nothing is timed, `time_spent` costs one lookup of a context variable.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

KINDS = ("db", "cache", "provider", "render")


class RequestCost:
    """The cost of one request. `milliseconds` stays empty unless `timed`."""

    def __init__(self, *, timed: bool) -> None:
        self.timed = timed
        self.statements = 0
        self.milliseconds: dict[str, float] = {}
        self._open: set[str] = set()

    @contextmanager
    def time_spent(self, kind: str) -> Iterator[None]:
        """Add the time spent inside to `kind`. Nested calls of the same kind count once."""
        if kind in self._open:
            yield
            return
        self._open.add(kind)
        began = time.perf_counter()
        try:
            yield
        finally:
            self._open.discard(kind)
            self.milliseconds[kind] = self.milliseconds.get(kind, 0.0) + (time.perf_counter() - began) * 1000

    def header(self, total_milliseconds: float) -> str:
        """The value of the `Server-Timing` header."""
        parts = [f"{kind};dur={self.milliseconds[kind]:.1f}" for kind in KINDS if kind in self.milliseconds]
        return ", ".join(
            [*parts, f"total;dur={total_milliseconds:.1f}", f'statements;desc="{self.statements} statements"']
        )


_cost: ContextVar[RequestCost | None] = ContextVar("request_cost", default=None)


@contextmanager
def measuring(*, timed: bool) -> Iterator[RequestCost]:
    """Measure what this thread does inside."""
    cost = RequestCost(timed=timed)
    token = _cost.set(cost)
    try:
        yield cost
    finally:
        _cost.reset(token)


def current_cost() -> RequestCost | None:
    """The cost so far of the request that this thread is handling."""
    return _cost.get()


@contextmanager
def time_spent(kind: str) -> Iterator[None]:
    """Add the time spent inside to the current request, if it is timed."""
    cost = _cost.get()
    if cost is None or not cost.timed:
        yield
    else:
        with cost.time_spent(kind):
            yield
