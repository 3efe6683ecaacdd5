"""The same servers without durability, around one command: the tests."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from functools import partial

from config.devstack import environment, process_locks
from config.devstack.data import DataFolder
from config.devstack.exceptions import CannotStart
from config.devstack.processes import SERVERS

_LEASE = "test-stack"

_interrupted = threading.Event()


def run(command: Sequence[str]) -> int:
    """Run `command` with servers of its own in `<data>/test`, which stop when it ends. Returns its exit code."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(sign) is not signal.SIG_IGN:
            signal.signal(sign, _interrupt)
    if process_locks.under_make():
        process_locks.die_with_parent(signal.SIGTERM)
    data = DataFolder(DataFolder.chosen().root / "test")
    data.create()
    lease = process_locks.take(data.root, _LEASE)
    if lease is None:
        raise CannotStart(
            f"Tests are already running on {data.root} (process group {process_locks.holder(data.root, _LEASE)}). "
            "Wait for them, or give these a folder of their own: make test ESTEIRA_DATA=…"
        )
    process_locks.reclaim(data.leases)
    variables = environment.addresses(data, os.environ) | {"DATABASE_POOL_SIZE": "0", "DEVELOPER_VIEW": "0"}
    # No test asks the real services.
    variables |= {"POSTAL_CODE_API_BASE": "", "POSTAL_CODE_SECOND_API_BASE": ""}
    with contextlib.ExitStack() as stack:
        for name in environment.needed_servers(os.environ):
            if name in SERVERS:
                log = stack.enter_context((data.root / f"{name}.log").open("wb"))
                stack.enter_context(SERVERS[name](data, durable=False).running(log=log))
        return _run_to_the_end(command, environment.process_environment(data, variables))


def _run_to_the_end(command: Sequence[str], variables: dict[str, str]) -> int:
    """The command's exit code. If interrupted, the command gets time to clean up before the servers stop."""
    process = subprocess.Popen(  # noqa: S603 (the caller's own command line)
        command, env=variables, preexec_fn=partial(process_locks.die_with_parent, signal.SIGTERM)
    )
    try:
        if _interrupted.is_set():
            raise KeyboardInterrupt
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C has reached it too; a signal sent to us has not.
        for seconds in (3, 20):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        return 128 + signal.SIGINT
    finally:
        process.kill()
        process.wait()


def _interrupt(_signum: int, _frame: object) -> None:
    # Recorded as well: a signal may arrive in a finalizer, where Python drops the exception.
    _interrupted.set()
    raise KeyboardInterrupt
