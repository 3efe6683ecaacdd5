"""The base of the embedded servers: start, wait until ready, stop."""

import contextlib
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import IO, ClassVar

from config.devstack import process_locks
from config.devstack.data import DataFolder
from config.devstack.exceptions import CannotStart

_SECONDS_TO_ANSWER = 60.0
_SECONDS_TO_STOP = 10.0


class EmbeddedServer(ABC):
    """One server on a data folder; its lock (see `process_locks`) prevents a second one.

    `durable=False` trades durability for speed, for the tests.
    """

    name: ClassVar[str]
    # For a clean shutdown, and for an immediate one if that takes too long: the next start recovers.
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, data: DataFolder, *, durable: bool = True) -> None:
        self.data = data
        self.durable = durable

    @property
    def port(self) -> int:
        """Chosen at the first start, and kept."""
        return self.data.port(self.name)

    @property
    def password(self) -> str:
        """Generated at the first start, and kept."""
        return self.data.secret(self.name)

    @abstractmethod
    def prepare(self) -> None:
        """Create what the server needs, if it is missing. Called under the lock."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command line that runs it in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it accepts work now."""

    def configuration(self) -> str:
        """What it reads from standard input, where no other user of the machine can see it."""
        return ""

    def start(self, *, log: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        """Start it and return once it answers. It logs to `log`, or to our own output.

        It runs in a session of its own, so that Ctrl-C reaches only us, and stops when we die (on Linux).
        Raises CannotStart if the lock is held, or if the server ends or does not answer within a minute.
        """
        lease = process_locks.take(self.data.leases, self.name, wait_seconds=3.0)
        if lease is None:
            raise CannotStart(f"Another {self.name} is running on {self.data.root}. Stop it first.")
        try:
            self.prepare()
            process = subprocess.Popen(  # noqa: S603 (our own binary and arguments)
                self.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.data.root,
                pass_fds=[lease.descriptor],
                start_new_session=True,
                preexec_fn=self._before_exec,
            )
            lease.name_group(process.pid)
        finally:
            lease.release()
        try:
            self._send_configuration(process)
            self._wait_until_it_answers(process)
        except BaseException:
            self.stop(process)
            raise
        return process

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Shut it down cleanly, or by force if that takes too long. Does nothing if it has ended."""
        for sign in (self.stop_signal, self.kill_signal, signal.SIGKILL):
            if process.poll() is not None:
                return
            process.send_signal(sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_STOP)

    @contextlib.contextmanager
    def running(self, *, log: IO[bytes] | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        """Run it for as long as the block lasts."""
        process = self.start(log=log)
        try:
            yield process
        finally:
            self.stop(process)

    def _before_exec(self) -> None:
        process_locks.die_with_parent(self.stop_signal)

    def _send_configuration(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None  # noqa: S101 (it is a pipe)
        with contextlib.suppress(BrokenPipeError), process.stdin as configuration:
            configuration.write(self.configuration().encode())

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _SECONDS_TO_ANSWER
        while not self.answers():
            if process.poll() is not None:
                raise CannotStart(f"{self.name} ended at once (code {process.returncode}). See its output.")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} does not answer after {_SECONDS_TO_ANSWER:.0f} s. See its output.")
            time.sleep(0.05)
