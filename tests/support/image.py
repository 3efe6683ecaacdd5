"""The image's commands, read from Dockerfile and compose.yaml and run outside a container."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from tests.support.processes import database_url

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
SECONDS_TO_START = 60


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def web_command(port: int) -> list[str]:
    """The image's own command, on a loopback port."""
    text = re.sub(r"\\\n", "", (REPOSITORY / "Dockerfile").read_text())
    command: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
    return [part.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for part in command]


def service_command(name: str) -> list[str]:
    command: list[str] = compose()["services"][name]["command"]
    return command


def environment(**more: str) -> dict[str, str]:
    """The variables of production, with the servers and the database of this test."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]]),
        "PYTHONUNBUFFERED": "1",
        # Not the data folder of a demo that may be running here: its settings would apply.
        "ESTEIRA_DATA": str(settings.DATA_DIR / "none"),
        "SECRET_KEY": "only-for-a-test-of-the-image-0123456789-abcdefghijklmnop",
        "DATABASE_URL": database_url(),
        "DATABASE_POOL_SIZE": "4",
        "REDIS_URL": settings.REDIS_URL,
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "CACHE_KEY_PREFIX": settings.CACHES["default"]["KEY_PREFIX"],
        "ALLOWED_HOSTS": "127.0.0.1",
        "STRIPE_SECRET_KEY": "sk_test_nobody",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_nobody",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        **more,
    }


@contextlib.contextmanager
def running(command: Sequence[str], variables: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the command with its output in `log`; it is ended after the block in any case."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=variables, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process listens on the port."""
    for _try in range(SECONDS_TO_START * 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"It exited at once, with {process.returncode}."
        time.sleep(0.05)
    raise AssertionError(f"Nothing listens on port {port} after {SECONDS_TO_START} s.")
