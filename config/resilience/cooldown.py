"""A cooldown after a failure: what has just failed is not tried again for a moment, so that only one caller waits."""

import time
from collections.abc import Hashable


class Cooldown:
    """This process's cooldowns of `seconds` each, by `key`; with only one thing that can fail, omit the key."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at: dict[Hashable, float] = {}

    def begin(self, key: Hashable = None) -> None:
        """Call this when it has just failed."""
        self._ends_at[key] = time.monotonic() + self.seconds

    def is_active(self, key: Hashable = None) -> bool:
        """Whether to skip the call."""
        return time.monotonic() < self._ends_at.get(key, 0.0)

    def end(self, key: Hashable = None) -> None:
        """Allow calls again at once."""
        self._ends_at.pop(key, None)
