"""The web server as in production: gunicorn with two workers and the project's own configuration."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from config.devstack import ports
from tests.support import processes
from tests.support.sandbox import Sandbox

TOKEN = "a-token-for-prometheus"


class Web:
    """A running server; `log` is what it has printed."""

    def __init__(self, folder: Path, sandbox: Sandbox, **variables: str) -> None:
        self.port = ports.choose()
        self._log = folder / "web.log"
        environment = processes.environment(
            sandbox, 1, METRICS_TOKEN=TOKEN, PROMETHEUS_MULTIPROC_DIR=str(folder / "metrics"), LOG_LEVEL="INFO"
        )
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-W", "ignore", "-m", "gunicorn", "--config", "python:config.gunicorn",
                    "config.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "4",
                ],
                cwd=processes.REPOSITORY, env={**environment, **variables}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of the response."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def scrape(self) -> dict[str, float]:
        """Every sample of /metrics by its name with labels."""
        status, text = self.get("/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200, text
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        names = [line.rsplit(" ", 1)[0] for line in lines]
        assert len(names) == len(set(names)), "A series is exported twice."
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while len(re.findall("Booting worker", self.log)) < 2 or not self._answers():
            assert time.monotonic() < deadline and self.process.poll() is None, self.log
            time.sleep(0.1)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/health/live")[0] == 200
        return False

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@contextlib.contextmanager
def running(folder: Path, sandbox: Sandbox, **variables: str) -> Iterator[Web]:
    web = Web(folder, sandbox, **variables)
    try:
        web.wait_until_ready()
        yield web
    finally:
        web.stop()
