"""Ending the process trees that a test has started, each in a session of its own."""

import contextlib
import os
import signal
import subprocess


def end(process: "subprocess.Popen[bytes]", seconds: float = 2) -> None:
    """Send SIGTERM, and kill what is left of the process and its children after `seconds`."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """kill -9 the process and its children: nothing is cleaned up."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
