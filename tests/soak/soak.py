"""A demo of its own, people who buy and browse in it, and something that breaks now and then."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import honcho.environ
import psutil
import redis

from config.devstack import ports, process_locks
from config.devstack.data import PROJECT, DataFolder
from tests.soak.measure import Meter
from tests.soak.verdict import Growth, Sample, what_grows
from tests.support.ending import end
from tests.support.slow_clients import BODY, slow_clients
from tests.support.stand_in import call_control
from tests.support.traffic import buy, call

SECONDS_TO_OPEN = 300
BUYERS, BROWSERS = 2, 2
# Between two orders of one buyer, two pages of one browser, two faults.
PAUSE_SECONDS, GLANCE_SECONDS, FAULT_SECONDS = 1.0, 0.3, 45.0
# A demo uses the servers that its environment names. This one has its own.
OF_OTHERS = (
    "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "STRIPE_API_BASE", "STRIPE_JS_URL", "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "MELHOR_ENVIO_API_BASE", "SECRET_KEY", "SITE_URL", "EMAIL_URL",
    "METRICS_TOKEN", "DATABASE_POOL_SIZE", "DEVELOPER_VIEW", "ESTEIRA_MAKE", "PROMETHEUS_MULTIPROC_DIR",
)  # fmt: skip
PAGES = ("/", "/?search=caneca", "/help/", "/cart/", "/api/v1/products/", "/nowhere/")


@dataclass
class Soak:
    samples: list[Sample]
    growing: list[Growth]
    faults: list[str]
    refused: int


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", dict[str, str]]]:
    """A running demo on `folder`, and its addresses. Its output is in `folder`/log."""
    folder.mkdir(parents=True, exist_ok=True)
    data = DataFolder(folder)
    variables = {**os.environ, "ESTEIRA_DATA": str(folder), "PORT": str(ports.choose()), "RATE_LIMITS": "off"}
    for name in OF_OTHERS:
        variables.pop(name, None)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.devstack", "demo"], cwd=PROJECT, env=variables, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=lambda: process_locks.die_with_parent(signal.SIGTERM),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS_TO_OPEN
        while call("GET", f"http://127.0.0.1:{variables['PORT']}/api/v1/products/").status != 200:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
            time.sleep(0.5)
        yield process, dict(honcho.environ.parse(data.servers_env.read_text()))
    finally:
        end(process, 30)


def run(folder: Path, minutes: float, every_seconds: float = 60, say: Callable[[str], None] = print) -> Soak:
    """Load the demo for so long and measure it at every interval; at least ten times, for a verdict."""
    every = min(every_seconds, minutes * 60 / 10)
    with demo(folder) as (process, addresses):
        meter, crowd = Meter(process.pid, addresses), Crowd(process.pid, addresses)
        samples: list[Sample] = []
        began = time.monotonic()
        with crowd.busy():
            for number in range(1, round(minutes * 60 / every) + 1):
                time.sleep(max(0.0, began + number * every - time.monotonic()))
                samples.append(meter.sample(time.monotonic() - began))
                say(line(samples[-1], crowd))
        return Soak(samples, what_grows(samples, meter.kinds), crowd.faults, crowd.refused)


def line(sample: Sample, crowd: "Crowd") -> str:
    shown = ("memory of web", "memory of worker", "keys of the cache", "age of the outbox", "age of the inbox")
    facts = ", ".join(f"{name} {sample.values[name]:.0f}" for name in shown)
    happened = f"{sample.sold} sold, {crowd.refused} refused, {len(crowd.faults)} faults"
    return f"{sample.seconds:5.0f} s  {happened}; {facts}"


class Crowd:
    """Buyers, browsers, and what goes wrong, in threads until the end of `busy`."""

    def __init__(self, process_id: int, addresses: dict[str, str]) -> None:
        self._process_id, self._addresses, self._url = process_id, addresses, addresses["SITE_URL"]
        self._enough = threading.Event()
        self.faults: list[str] = []
        self.refused = 0

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        work = [self._buy] * BUYERS + [self._browse] * BROWSERS + [self._break]
        threads = [threading.Thread(target=each, daemon=True) for each in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._enough.set()
            for thread in threads:
                thread.join(60)

    def _buy(self) -> None:
        while not self._enough.wait(PAUSE_SECONDS):
            products = call("GET", f"{self._url}/api/v1/products/").document.get("results", [])
            there = [product["sku"] for product in products if product.get("available", True)]
            if not there or buy(self._url, random.choice(there))[-1].status != 201:
                self.refused += 1

    def _browse(self) -> None:
        for page in itertools.cycle(PAGES):
            if self._enough.wait(GLANCE_SECONDS):
                return
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self._url}{page}", timeout=30) as answer:
                answer.read()

    def _break(self) -> None:
        for fault in itertools.cycle((self._provider, self._cache, self._strangers, self._web, self._worker)):
            if self._enough.wait(FAULT_SECONDS):
                return
            self.faults.append(fault.__name__.strip("_"))
            with contextlib.suppress(OSError, psutil.Error):
                fault()

    def _provider(self) -> None:
        """It answers 500 for ten seconds."""
        sandbox = self._addresses["STRIPE_API_BASE"]
        call_control(sandbox, "POST", "faults", {"kind": "error", "error_status": 500})
        self._enough.wait(10)
        call_control(sandbox, "DELETE", "faults")

    def _cache(self) -> None:
        """Everything in it is lost."""
        with redis.Redis.from_url(self._addresses["REDIS_URL"]) as client:
            client.flushdb()

    def _strangers(self) -> None:
        """Forty send a body byte by byte."""
        with slow_clients(urlsplit(self._url).port or 0, 40, BODY):
            self._enough.wait(10)

    def _web(self) -> None:
        self._kill_child("gunicorn")

    def _worker(self) -> None:
        self._kill_child("celery -A config worker")

    def _kill_child(self, word: str) -> None:
        """kill -9 a process whose parent is one of the same kind, and starts another."""
        for process in psutil.Process(self._process_id).children(recursive=True):
            parent = process.parent()
            if parent and word in " ".join(process.cmdline()) and word in " ".join(parent.cmdline()):
                process.kill()
                return
