"""The same servers, fast and forgetful, around one command: the tests."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from config.embedded import environment, leases
from config.embedded.data import DataFolder
from config.embedded.lines import SERVERS
from config.embedded.refusal import CannotStart


def run(command: Sequence[str]) -> int:
    """Run `command` beside servers of its own in `<data>/test`; its exit code. They stop with it, however it ends."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    data = DataFolder(DataFolder.chosen().root / "test")
    data.create()
    lease = leases.take(data.root, "trial")
    if lease is None:
        raise CannotStart(
            f"Tests are already running on {data.root} (process group {leases.holder(data.root, 'trial')}). "
            "Wait for them, or give these a folder of their own: make test ESTEIRA_DATA=…"
        )
    leases.reclaim(data.leases)
    variables = environment.addresses(data, os.environ) | {"DATABASE_POOL_SIZE": "0"}
    with contextlib.ExitStack() as stack:
        for name in environment.needed_servers(os.environ):
            if name in SERVERS:
                log = stack.enter_context((data.root / f"{name}.log").open("wb"))
                stack.enter_context(SERVERS[name](data, durable=False).running(log=log))
        return _run_to_the_end(command, environment.process_environment(data, variables))


def _run_to_the_end(command: Sequence[str], variables: dict[str, str]) -> int:
    """The command's exit code. Interrupted, it gets the time to clean up after itself before the servers go."""
    process = subprocess.Popen(command, env=variables)  # noqa: S603 (the command line of whoever called us)
    try:
        return process.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.send_signal(signal.SIGINT)
            process.wait(20)
        return 130
    finally:
        process.kill()
        process.wait()


def _as_interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
