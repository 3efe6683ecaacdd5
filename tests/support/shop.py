"""The shop as it runs in production: web server, worker and beat as separate processes, and its own Redis.

Proxies in front of Redis, the broker and the mail server can refuse, hang or slow down connections. /metrics (with
METRICS_TOKEN) has the counters of web server and worker.
"""

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import redis

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.valkey import Valkey
from config.resilience.gauges import QUEUE, STATES
from tests.support import processes
from tests.support.ending import end
from tests.support.mail_sink import MailSink
from tests.support.proxy import Proxy
from tests.support.sandbox import Sandbox

# The provider's timeout in these tests, shorter than in production to save time.
PAYMENT_SECONDS = 2.0
# The token for /metrics and /health/full.
METRICS_TOKEN = "a-token-for-metrics"
BROKER_DB = 1


class Shop:
    """Processes of the shop, started on demand and stopped together. `more`: further environment variables."""

    def __init__(self, folder: Path, sandbox: Sandbox, mails: MailSink, **more: str) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._redis_url = self._start_valkey()
        server = urlsplit(self._redis_url)
        valkey = ("127.0.0.1", server.port or 0)
        self.redis, self.broker = Proxy(valkey), Proxy(valkey)
        self.mail = Proxy(("127.0.0.1", mails.port))
        for proxy in (self.redis, self.broker, self.mail):
            self._stack.callback(proxy.stop)
        self._port = ports.choose()
        self._environment = processes.environment(
            sandbox,
            self.mail.port,
            REDIS_URL=f"redis://:{server.password}@127.0.0.1:{self.redis.port}/0",
            CELERY_BROKER_URL=f"redis://:{server.password}@127.0.0.1:{self.broker.port}/{BROKER_DB}",
            PAYMENT_TIMEOUT_SECONDS=str(PAYMENT_SECONDS),
            SITE_URL=self.url,
            METRICS_TOKEN=METRICS_TOKEN,
            METRICS_ALSO_FROM=str(folder / "metrics" / "worker"),
            **more,
        )
        self._web: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def flush_redis(self) -> None:
        """Empty Redis, as after a restart without persistence."""
        with redis.Redis.from_url(self._redis_url) as client:
            client.flushall()

    def tasks(self) -> tuple[int, int]:
        """The number of tasks queued, and of those a worker has taken but not acknowledged."""
        with redis.Redis.from_url(urlsplit(self._redis_url)._replace(path=f"/{BROKER_DB}").geturl()) as client:
            return client.llen(QUEUE), client.hlen("unacked")

    def is_circuit_open(self, service: str) -> bool:
        """Whether the circuit of an outside service is open, according to /health/full."""
        request = urllib.request.Request(
            f"{self.url}/health/full", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            states: dict[str, float] = json.load(answer)["gauges"]["breaker_state"]
        return states[service] == STATES["open"]

    @property
    def broker_url(self) -> str:
        return self._environment["CELERY_BROKER_URL"]

    def open(self) -> None:
        """Start the web server; it is ready when this returns."""
        self._web = self._start_web(self._port, processes.REPOSITORY)

    def close(self) -> None:
        """Stop the web server; the other processes keep running."""
        assert self._web is not None
        end(self._web)

    def open_beside(self, release: Path) -> str:
        """Start a second web server on the same backends with the code of another release; returns its address."""
        port = ports.choose()
        self._start_web(port, release)
        return f"http://127.0.0.1:{port}"

    def start_worker(
        self, release: Path = processes.REPOSITORY, application: str = "config"
    ) -> "subprocess.Popen[bytes]":
        return self._start(
            "worker", "celery", "-A", application, "worker", "--concurrency", "1", "-l", "ERROR", "--without-mingle",
            release=release,
        )  # fmt: skip

    def start_beat(self) -> None:
        schedule = str(self._folder / "beat")
        self._start("beat", "celery", "-A", "config", "beat", "-l", "ERROR", "--pidfile=", "--schedule", schedule)

    def stop(self) -> None:
        self._stack.close()

    def _start_valkey(self) -> str:
        data = DataFolder(self._folder / "data")
        data.create()
        data.free_port("valkey")
        log = self._stack.enter_context((self._folder / "valkey.log").open("wb"))
        server = Valkey(data, durable=False)
        self._stack.enter_context(server.running(log=log))
        return server.url(0)

    def _start_web(self, port: int, release: Path) -> "subprocess.Popen[bytes]":
        # Releases without config/gunicorn.py keep it under another name.
        settings = "config.gunicorn" if (release / "config" / "gunicorn.py").exists() else "config.web_server"
        web = self._start(
            f"web-{port}", "gunicorn", "--config", f"python:{settings}", "config.wsgi", "--log-level", "error",
            "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", release=release,
        )  # fmt: skip
        # The master accepts connections before a worker is there to answer, and resets them if none comes up.
        probe = f"http://127.0.0.1:{port}/health/live"
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(probe, timeout=30):
                return web
            log = (self._folder / f"web-{port}.log").read_text()
            assert web.poll() is None, f"The web server has ended: {log}"
            assert time.monotonic() < deadline, f"The web server does not respond: {log}"
            time.sleep(0.1)

    def _start(
        self, name: str, program: str, *arguments: str, release: Path = processes.REPOSITORY
    ) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / f"{name}.log").open("ab"))
        counts = {"PROMETHEUS_MULTIPROC_DIR": str(self._folder / "metrics" / name)}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", program, *arguments],
            cwd=release, env=self._environment | counts, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self._stack.callback(end, process)
        return process


@contextlib.contextmanager
def running(folder: Path, sandbox: Sandbox, mails: MailSink, **more: str) -> Iterator[Shop]:
    shop = Shop(folder, sandbox, mails, **more)
    try:
        shop.open()
        yield shop
    finally:
        shop.stop()
