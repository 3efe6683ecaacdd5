"""Reading a long time in short slices, for lists at the provider that may hold any number of strangers' rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

# The first slice, and the limits within which the others follow how long the one before took.
FIRST = timedelta(seconds=30)
NARROWEST = timedelta(seconds=1)
WIDEST = timedelta(minutes=5)
QUICK_SECONDS, SLOW_SECONDS = 0.5, 2.0


def slices(first: datetime, last: datetime, *, seconds: float) -> Iterator[tuple[datetime, datetime]]:
    """The time from `first` to `last` in consecutive slices [begin, end), until `seconds` have passed.

    At least one, so that whoever goes on from the end of the last slice always gets further. Slices grow while the
    caller deals with them quickly and shrink when it is slow, so that none takes long in a busy hour.
    """
    deadline, width = monotonic() + seconds, FIRST
    while first < last:
        end, began = min(first + width, last), monotonic()
        yield first, end
        now = monotonic()
        if now >= deadline:
            return
        if now - began < QUICK_SECONDS:
            width = min(2 * width, WIDEST)
        elif now - began > SLOW_SECONDS:
            width = max(width / 2, NARROWEST)
        first = end
