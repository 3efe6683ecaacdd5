"""A circuit breaker round every outside service.

pybreaker counts and decides; this module names one breaker a service and translates its refusal. Only `ProviderFailure`
counts: a declined card or an unknown postal code is an answer, not a failure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache as once

import pybreaker

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


class Breaker:
    """One service's breaker. Use `with breaker("stripe").calling():` round the call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=FAILURES_BEFORE_OPENING,
            reset_timeout=OPEN_SECONDS,
            exclude=[_is_no_failure],
            name=name,
            throw_new_error_on_trip=False,
        )

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Let the call through or raise BreakerOpen at once.

        pybreaker's own `calling()` is used since `call()` would let only one thread at a time through.
        """
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
        """`closed`, `open` or `half-open`."""
        return str(self._circuit.current_state)

    def close(self) -> None:
        """Let calls through again, as after a repair."""
        self._circuit.close()

    def _retry_after_seconds(self) -> int:
        opened_at = self._circuit._state_storage.opened_at
        if opened_at is None:
            return OPEN_SECONDS
        waited = (datetime.now(UTC) - opened_at.replace(tzinfo=UTC)).total_seconds()
        return max(1, round(OPEN_SECONDS - waited))


def _is_no_failure(error: BaseException) -> bool:
    return not isinstance(error, ProviderFailure)


@once
def breaker(name: str) -> Breaker:
    """The breaker of the service `name`, the same one for every caller in this process."""
    return Breaker(name)
