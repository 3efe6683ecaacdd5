"""Waiting for another process or thread."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return once `condition` holds; fail if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)
