"""Ending what a test has started, and all below it: each was started in a session of its own."""

import contextlib
import os
import signal
import subprocess


def end(process: "subprocess.Popen[bytes]", seconds: float = 2) -> None:
    """Ask it to stop, and kill what is left of it and its children after `seconds`."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """kill -9, the process and its children: nobody gets to clean up."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
