"""A circuit breaker round every outside service, its state shared by all processes.

pybreaker counts and decides; this module names one breaker a service, keeps its state in Redis, lets one call at a time
probe a service that was left alone, and translates the refusal. Only `ProviderFailure` counts: a declined card or an
unknown postal code is an answer, not a failure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once

import pybreaker

from config.resilience.breaker_storage import SharedStorage
from config.resilience.instrumentation import calling_outside, count_from_zero

FAILURES_BEFORE_OPENING = 5
OPEN_SECONDS = 30


class ProviderFailure(Exception):
    """An outside service did not do its job: refused, timed out, broke off or answered with an error of its own."""


class BreakerOpen(Exception):
    """The service `name` has failed too often lately; ask again in `retry_after_seconds`."""

    def __init__(self, name: str, retry_after_seconds: int) -> None:
        self.name = name
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{name} is not called for the next {retry_after_seconds} s.")


@dataclass(frozen=True)
class BreakerStatus:
    """What a breaker knows at this moment: `failures` in a row, and for how long it still refuses calls."""

    state: str
    failures: int
    opened_at: datetime | None
    seconds_left: int


class _NoteCause(pybreaker.CircuitBreakerListener):
    """Tells the storage which error it was, for the history of whatever comes of it."""

    def __init__(self, storage: SharedStorage) -> None:
        self._storage = storage

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
        self._storage.cause = type(exc.__cause__ or exc).__name__


class Breaker:
    """One service's breaker. Use `with breaker("stripe").calling():` round the call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._storage = SharedStorage(name)
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=FAILURES_BEFORE_OPENING,
            reset_timeout=OPEN_SECONDS,
            exclude=[_is_no_failure],
            name=name,
            state_storage=self._storage,
            throw_new_error_on_trip=False,
            listeners=[_NoteCause(self._storage)],
        )

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Let the call through or raise BreakerOpen at once. Its time and outcome are counted.

        After its time the breaker lets a single call of a single process try; the others are refused until that one has
        succeeded. pybreaker's own `calling()` is used since `call()` would let only one thread at a time through.
        """
        with calling_outside(self.name, ProviderFailure, BreakerOpen), self._letting_through():
            yield

    def ensure_available(self) -> None:
        """Raise BreakerOpen, counted as a call, where `calling` would: before anything is prepared for a call.

        Nothing is read while this process knows of nothing wrong, and whoever may probe is not refused.
        """
        if self._storage.state != pybreaker.STATE_CLOSED and self._is_still_open():
            with calling_outside(self.name, ProviderFailure, BreakerOpen):
                raise BreakerOpen(self.name, self._retry_after_seconds())

    @contextmanager
    def _letting_through(self) -> Iterator[None]:
        if self.state == pybreaker.STATE_CLOSED:
            with self._circuit_calling():
                yield
        elif self._is_still_open():
            raise BreakerOpen(self.name, self._retry_after_seconds())
        else:
            with self._storage.probe() as is_ours:
                if not is_ours:
                    raise BreakerOpen(self.name, 1)
                with self._circuit_calling():
                    yield

    @contextmanager
    def _circuit_calling(self) -> Iterator[None]:
        entered = False
        try:
            with self._circuit.calling():
                entered = True
                yield
        except pybreaker.CircuitBreakerError as error:
            if entered:
                raise
            raise BreakerOpen(self.name, self._retry_after_seconds()) from error

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`, as all processes know it at this moment."""
        self._storage.read()
        return str(self._circuit.current_state)

    @property
    def is_well(self) -> bool:
        """Whether it is closed and the last call did not fail: as much as is known without a call."""
        return self.state == pybreaker.STATE_CLOSED and not self._storage.counter

    @property
    def status(self) -> "BreakerStatus":
        return BreakerStatus(
            self.state, self._storage.counter, self._storage.opened_at, max(0, round(self._seconds_left()))
        )

    def close(self, *, by: str = "", reason: str = "") -> None:
        """Let calls through again, as after a repair. `by` and `reason` stand in its history."""
        if self.state != pybreaker.STATE_CLOSED:
            self._storage.by, self._storage.cause = by, reason
        self._storage.reset_counter()
        self._circuit.close()

    def _is_still_open(self) -> bool:
        return self.state == pybreaker.STATE_OPEN and self._seconds_left() > 0

    def _seconds_left(self) -> float:
        opened_at = self._storage.opened_at
        if opened_at is None:
            return 0
        return OPEN_SECONDS - (datetime.now(UTC) - opened_at).total_seconds()

    def _retry_after_seconds(self) -> int:
        return max(1, round(self._seconds_left()))


def _is_no_failure(error: BaseException) -> bool:
    return not isinstance(error, ProviderFailure)


_registered: set[str] = set()


def register(name: str) -> None:
    """Make a service known whose breaker is to be watched. Costs nothing: the breaker is built at its first use."""
    _registered.add(name)
    count_from_zero(name)


def names() -> list[str]:
    """The services that are known."""
    return sorted(_registered)


@once
def breaker(name: str) -> Breaker:
    """The breaker of the service `name`: one a process, its state the same for all of them."""
    return Breaker(name)
