"""Which processes are running: each holds a lock on a file of its own, and its children inherit it.

The kernel releases the lock when the last of them ends, however it ends. So a lease that is held means a live process
(its process group is in the file), and a free one means that nothing of it is left. Process ids alone could not tell:
they are reused.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config.devstack.exceptions import CannotStart

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Lease:
    """A lock that is held until every process that inherited `descriptor` has ended or closed it."""

    path: Path
    descriptor: int

    def name_group(self, group: int) -> None:
        """Record the process group to signal."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{group}\n".encode(), 0)

    def release(self) -> None:
        """Close it in this process."""
        os.close(self.descriptor)


def take(folder: Path, name: str, *, wait_seconds: float = 1.0) -> Lease | None:
    """Take the lease `name` for this process group. None if another process still holds it after `wait_seconds`.

    Wait a little even for one that should be free: `holder` takes the lock for a moment.
    """
    path = folder / f"{name}.lease"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_seconds
    while not _lock(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.1)
    lease = Lease(path, descriptor)
    lease.name_group(os.getpgrp())
    return lease


def holder(folder: Path, name: str) -> int | None:
    """The process group that holds the lease, None if it is free, 0 if it has only just been taken."""
    path = folder / f"{name}.lease"
    if not path.exists():
        return None
    with path.open() as file:
        return None if _lock(file.fileno()) else int(file.read().strip() or 0)


def wait_until_free(folder: Path, names: Iterable[str], *, seconds: float) -> bool:
    """Whether all of `names` are released within `seconds`."""
    deadline = time.monotonic() + seconds
    while any(holder(folder, name) is not None for name in names):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def reclaim(folder: Path, *, grace_seconds: float = 12.0) -> None:
    """End processes left over from an earlier start: SIGTERM to all, then SIGKILL after `grace_seconds`.

    Raises CannotStart if one still survives.
    """
    names = [path.stem for path in folder.glob("*.lease")]
    for sign, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
        for name in names:
            _signal_holder(folder, name, sign)
        if wait_until_free(folder, names, seconds=seconds):
            return
    alive = {name: group for name in names if (group := holder(folder, name)) is not None}
    raise CannotStart(f"Processes of an earlier start do not end: {alive} (name: process group). End them first.")


def die_with_parent(sign: signal.Signals) -> None:
    """Have the kernel send `sign` to this process when its parent ends, even by kill -9. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(sign))


def under_make() -> bool:
    """Whether make started us: if so, we end when it does, however suddenly."""
    return "MAKELEVEL" in os.environ


def _signal_holder(folder: Path, name: str, sign: signal.Signals) -> None:
    group = holder(folder, name)
    if group and group != os.getpgrp():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, sign)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
