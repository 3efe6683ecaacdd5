"""What one request costs: its statements always, its milliseconds by kind (`db`, `cache`, `provider`, `render`) where
asked for.

Where nothing keeps time, a clock costs one look at a variable.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

KINDS = ("db", "cache", "provider", "render")


class Measure:
    """One request's. `timed` says whether milliseconds are kept."""

    def __init__(self, *, timed: bool) -> None:
        self.timed = timed
        self.statements = 0
        self.milliseconds: dict[str, float] = {}
        self._open: set[str] = set()

    @contextmanager
    def clock(self, kind: str) -> Iterator[None]:
        """Add the time spent inside to `kind`; a clock inside one of its own kind counts nothing twice."""
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
        """As a browser's developer tools draw it."""
        parts = [f"{kind};dur={self.milliseconds[kind]:.1f}" for kind in KINDS if kind in self.milliseconds]
        return ", ".join(
            [*parts, f"total;dur={total_milliseconds:.1f}", f'statements;desc="{self.statements} statements"']
        )


_measure: ContextVar[Measure | None] = ContextVar("measure", default=None)


@contextmanager
def measuring(*, timed: bool) -> Iterator[Measure]:
    """Measure what this thread does meanwhile."""
    measure = Measure(timed=timed)
    token = _measure.set(measure)
    try:
        yield measure
    finally:
        _measure.reset(token)


def under_way() -> Measure | None:
    """The measure of the request that this thread is answering."""
    return _measure.get()


@contextmanager
def clock(kind: str) -> Iterator[None]:
    """Add the time spent inside to the request under way, if it keeps time."""
    measure = _measure.get()
    if measure is None or not measure.timed:
        yield
    else:
        with measure.clock(kind):
            yield
