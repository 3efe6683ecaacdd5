"""The outside world, the same for both sides: provider, carrier and mail server, with these latencies.

The provider answers a charge in 300 ms (cards take from a quarter of a second to more than one), the carrier a request
for prices in 200 ms, and the mail server accepts a message in 150 ms, its greeting included.
"""

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.devstack import ports
from tests.support.mail_sink import MailSink

WEBHOOK_SECRET = "whsec_bench"


@dataclass(frozen=True)
class Latencies:
    """Milliseconds added to each response."""

    provider: int
    carrier: int
    mail: int


REALISTIC = Latencies(provider=300, carrier=200, mail=150)
NONE = Latencies(provider=0, carrier=0, mail=0)


class SlowMail(MailSink):
    """Accepts every message after a delay."""

    milliseconds = 0

    def take(self, raw: bytes) -> None:
        time.sleep(self.milliseconds / 1000)
        super().take(raw)


class StandIns:
    def __init__(self, provider_url: str, carrier_url: str, mail: SlowMail) -> None:
        self._provider, self._carrier, self._mail = provider_url, carrier_url, mail

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point a shop at them."""
        return {
            "STRIPE_API_BASE": self._provider,
            "STRIPE_JS_URL": f"{self._provider}/v3/",
            "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "MELHOR_ENVIO_API_BASE": self._carrier,
            "MELHOR_ENVIO_TOKEN": "any",
            "MELHOR_ENVIO_CONTACT": "bench@esteira.example",
            "EMAIL_URL": self._mail.url,
        }

    @property
    def mails(self) -> int:
        return len(self._mail.messages)

    def take(self, latencies: Latencies) -> None:
        """Set the latencies."""
        for url, path, milliseconds in (
            (self._provider, "/v1/", latencies.provider),
            (self._carrier, "/api/", latencies.carrier),
        ):
            _call("DELETE", f"{url}/_sandbox/faults")
            if milliseconds:
                _call("POST", f"{url}/_sandbox/faults", {"kind": "slow", "path": path, "latency_ms": milliseconds})
        self._mail.milliseconds = latencies.mail

    def send_webhooks_to(self, url: str) -> None:
        """Set the provider's webhook address; an empty one stops delivery."""
        _call("POST", f"{self._provider}/_sandbox/webhooks", {"url": url, "secret": WEBHOOK_SECRET})


@contextlib.contextmanager
def running(folder: Path) -> Iterator[StandIns]:
    mail = SlowMail()
    mail.start()
    with contextlib.ExitStack() as stack:
        stack.callback(mail.stop)
        provider = stack.enter_context(_server("payments.sandbox", "--data", str(folder / "provider")))
        carrier = stack.enter_context(_server("shipping.sandbox"))
        yield StandIns(provider, carrier, mail)


@contextlib.contextmanager
def _server(module: str, *arguments: str) -> Iterator[str]:
    """Run a server and yield its address, which it prints once it listens. It is stopped with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", str(ports.choose()), "--until-stdin-closes", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.wait(10)


def _call(method: str, url: str, document: dict[str, Any] | None = None) -> None:
    data = json.dumps(document).encode() if document is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=10):
        pass
