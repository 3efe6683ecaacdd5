"""Which calls to the provider nobody waits for: those of tasks, which are repeated by themselves.

They have a circuit breaker of their own. Else a row that fails again and again would close the till to shoppers, and a
rush of failing checkouts would keep the sweeper from finding out what became of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_in_background = ContextVar("payments_in_background", default=False)


@contextmanager
def in_background() -> Iterator[None]:
    """Calls made inside are background work. A context manager and a decorator."""
    token = _in_background.set(True)
    try:
        yield
    finally:
        _in_background.reset(token)


def is_background() -> bool:
    return _in_background.get()
