"""A circuit breaker for each outside service, its state shared by all processes.

pybreaker counts failures and changes states. This module names one breaker per service, keeps its state in Redis, lets
a single call through while the circuit is half-open, and raises BreakerOpen. Only `ProviderFailure` counts as a
failure: a declined card or an unknown postal code is an answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once

import pybreaker

from config.resilience.breaker_storage import SharedStorage
from config.resilience.instrumentation import initialize_series, measured_call

FAILURES_BEFORE_OPENING = 5
OPEN_SECONDS = 30


class ProviderFailure(Exception):
    """An outside service failed: it refused the connection, timed out, hung up or answered with a server error."""


class BreakerOpen(Exception):
    """The circuit of the service `name` is open: the call was not made. Retry after `retry_after_seconds`."""

    def __init__(self, name: str, retry_after_seconds: int) -> None:
        self.name = name
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"The circuit of {name} is open for another {retry_after_seconds} s.")


@dataclass(frozen=True)
class BreakerStatus:
    """A breaker's state now, with its `failures` in a row and the seconds for which it stays open."""

    state: str
    failures: int
    opened_at: datetime | None
    seconds_left: int


class _RecordCause(pybreaker.CircuitBreakerListener):
    """Passes the last error to the storage, for the history."""

    def __init__(self, storage: SharedStorage) -> None:
        self._storage = storage

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
        self._storage.cause = type(exc.__cause__ or exc).__name__


class Breaker:
    """One service's circuit breaker: `with breaker("stripe").calling(): send(call)`.

    - closed: calls go through. The 5th failure in a row (FAILURES_BEFORE_OPENING) opens the circuit.
    - open: calls are rejected at once with BreakerOpen, for 30 s (OPEN_SECONDS).
    - half-open: one trial call goes through, the others are rejected. Success closes the circuit, failure reopens it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._storage = SharedStorage(name)
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=FAILURES_BEFORE_OPENING,
            reset_timeout=OPEN_SECONDS,
            exclude=[_is_answer],
            name=name,
            state_storage=self._storage,
            throw_new_error_on_trip=False,
            listeners=[_RecordCause(self._storage)],
        )

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Let the call through, or raise BreakerOpen at once. Its duration and outcome are measured.

        pybreaker's `calling()` is used because its `call()` would let only one thread through at a time.
        """
        with measured_call(self.name, ProviderFailure, BreakerOpen), self._let_through():
            yield

    def ensure_available(self) -> None:
        """Raise BreakerOpen, counted as a rejected call, if `calling` would: call it before preparing anything.

        Reads nothing from Redis while the circuit is closed as far as this process knows. Does not raise while a trial
        call is due.
        """
        if self._storage.state != pybreaker.STATE_CLOSED and self._is_still_open():
            with measured_call(self.name, ProviderFailure, BreakerOpen):
                raise BreakerOpen(self.name, self._retry_after_seconds())

    @contextmanager
    def _let_through(self) -> Iterator[None]:
        if self.state == pybreaker.STATE_CLOSED:
            with self._through_circuit():
                yield
        elif self._is_still_open():
            raise BreakerOpen(self.name, self._retry_after_seconds())
        else:
            with self._storage.probe() as is_ours:
                if not is_ours:
                    raise BreakerOpen(self.name, 1)
                with self._through_circuit():
                    yield

    @contextmanager
    def _through_circuit(self) -> Iterator[None]:
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
        """`closed`, `open` or `half-open`, read from Redis now."""
        self._storage.read()
        return str(self._circuit.current_state)

    @property
    def is_healthy(self) -> bool:
        """Whether the circuit is closed and the last call succeeded: the best guess without making a call."""
        return self.state == pybreaker.STATE_CLOSED and not self._storage.counter

    @property
    def status(self) -> "BreakerStatus":
        return BreakerStatus(
            self.state, self._storage.counter, self._storage.opened_at, max(0, round(self._seconds_left()))
        )

    def close(self, *, by: str = "", reason: str = "") -> None:
        """Close the circuit by hand, after a fix. `by` and `reason` go into the history."""
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


def _is_answer(error: BaseException) -> bool:
    return not isinstance(error, ProviderFailure)


_registered: set[str] = set()


def register(name: str) -> None:
    """Register a service for metrics and the admin. Its breaker is built on first use."""
    _registered.add(name)
    initialize_series(name)


def names() -> list[str]:
    """The registered services."""
    return sorted(_registered)


@once
def breaker(name: str) -> Breaker:
    """The breaker of the service `name`: one object per process, one state for all processes."""
    return Breaker(name)
