"""A pause after a failure: what has just failed is not asked again for a moment, so that one caller pays for it."""

import time
from collections.abc import Hashable


class Cooldown:
    """One process's pauses, each `seconds` long, by what failed (`key`; one thing alone needs none)."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at: dict[Hashable, float] = {}

    def begin(self, key: Hashable = None) -> None:
        """It has just failed."""
        self._ends_at[key] = time.monotonic() + self.seconds

    def is_active(self, key: Hashable = None) -> bool:
        """Whether it is not to be asked now."""
        return time.monotonic() < self._ends_at.get(key, 0.0)

    def end(self, key: Hashable = None) -> None:
        """Have it asked again at once."""
        self._ends_at.pop(key, None)
