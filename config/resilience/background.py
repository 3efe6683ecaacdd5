"""Work that nobody waits for, in few threads of the process: only what makes a later request faster.

It must be safe to lose: it is dropped while there is too much of it, and once the process ends.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from django.db import connections

logger = logging.getLogger(__name__)


class Background:
    """`threads` threads, started when they are needed, for at most `at_most` pieces of work at a time."""

    def __init__(self, name: str, *, threads: int, at_most: int) -> None:
        self._room = BoundedSemaphore(at_most)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def begin(self, work: Callable[[], object]) -> bool:
        """Run `work` soon and return at once. Returns whether there was room. What it raises is logged."""
        if not self._room.acquire(blocking=False):
            return False
        try:
            self._threads.submit(self._run, work)
        except RuntimeError:  # the process ends
            self._room.release()
            return False
        return True

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            logger.exception("Work in the background failed")
        finally:
            connections.close_all()
            self._room.release()
