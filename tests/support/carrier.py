"""The stand-in carrier for tests: a real process on a free port, one per test session and worker.

`carrier` points the settings at it, with no faults and its circuit closed. Tests without the fixture have no carrier.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.resilience.breakers import breaker
from shipping import address_lookup, carriers
from tests.support.stand_in import call_control

TOKEN = "carrier-token"
LOOK_UP_BREAKERS = ("postal_codes", "postal_codes_second")
REPOSITORY = Path(__file__).resolve().parents[2]


class StandInCarrier:
    """One carrier process and its controls."""

    token = TOKEN

    def __init__(self) -> None:
        command = [
            sys.executable, "-m", "shipping.sandbox", "--port", "0", "--token", TOKEN, "--until-stdin-closes",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Stand-in carrier is open: "), f"The carrier did not start: {line!r}"
        self.base_url = line.rsplit(" ", 1)[1].strip().rstrip("/")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def fault(self, kind: str, **fields: Any) -> None:
        """Inject a fault: see shipping/sandbox/faults.py."""
        self._call("POST", "faults", {"kind": kind, **fields})

    def no_faults(self) -> None:
        self._call("DELETE", "faults")

    def reset(self) -> None:
        """Clear the faults and the count of calls. Waits until the port accepts connections again."""
        deadline = time.monotonic() + 10
        while True:
            try:
                self._call("POST", "reset")
            except OSError:
                assert time.monotonic() < deadline, "The carrier is still unreachable."
                time.sleep(0.05)
            else:
                return

    @property
    def calls(self) -> int:
        """How often prices were requested."""
        count: int = self._call("GET", "calls")["count"]
        return count

    @property
    def last_question(self) -> dict[str, Any]:
        question: dict[str, Any] = self._call("GET", "calls")["last"]
        return question

    @property
    def labels(self) -> list[dict[str, Any]]:
        """The labels that it has, oldest first, bought or not."""
        return list(self._call("GET", "labels")["labels"])

    @property
    def paid(self) -> Decimal:
        """What labels have cost so far, without what came back."""
        return Decimal(str(self._call("GET", "labels")["paid"]))

    def fill_wallet(self, balance: float) -> None:
        self._call("POST", "wallet", {"balance": balance})

    def move_label(self, carrier_id: str, state: str) -> None:
        """What becomes of a label."""
        self._call("POST", f"labels/{carrier_id}", {"status": state})

    @property
    def events(self) -> list[dict[str, Any]]:
        """The webhooks of all labels, oldest first, each with its body and signature."""
        return list(self._call("GET", "events")["events"])

    def send_webhooks(self, url: str, secret: str) -> None:
        """Where it sends them; an empty URL is nowhere."""
        self._call("POST", "webhooks", {"url": url, "secret": secret})

    def _call(self, method: str, what: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        return call_control(self.base_url, method, what, document)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took < seconds, f"took {took:.2f} s"


@pytest.fixture(scope="session")
def session_carrier() -> Iterator[StandInCarrier]:
    running = StandInCarrier()
    yield running
    running.stop()


@pytest.fixture
def carrier(session_carrier: StandInCarrier, settings: Any) -> Iterator[StandInCarrier]:
    session_carrier.reset()
    settings.MELHOR_ENVIO_API_BASE = session_carrier.base_url
    settings.MELHOR_ENVIO_TOKEN = TOKEN
    settings.MELHOR_ENVIO_CONTACT = "tech@esteira.example"
    _close_breakers()
    yield session_carrier
    _wait_for_what_is_asked_ahead()
    _close_breakers()
    session_carrier.reset()


def _close_breakers() -> None:
    for name in ("melhor_envio", "melhor_envio_labels"):
        breaker(name).close()


def _wait_for_what_is_asked_ahead() -> None:
    """Its answer would be cached in the next test. Each piece of work holds a place until it has ended."""
    places = carriers._ahead._room
    for _ in range(carriers.AHEAD_AT_MOST):
        assert places.acquire(timeout=10), "A price that was asked ahead has not come."
    places.release(carriers.AHEAD_AT_MOST)


@pytest.fixture
def look_up_services(
    session_carrier: StandInCarrier, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StandInCarrier]:
    """Points the settings at the stand-in's ViaCEP and BrasilAPI. Tests without the fixture look up no postal code.

    The stand-in gets longer than the services: a second is not sure on a busy machine.
    """
    monkeypatch.setattr(address_lookup, "LOOKUP_SECONDS", 30.0)
    session_carrier.reset()
    settings.POSTAL_CODE_API_BASE = f"{session_carrier.base_url}/viacep"
    settings.POSTAL_CODE_SECOND_API_BASE = f"{session_carrier.base_url}/brasilapi"
    for name in LOOK_UP_BREAKERS:
        breaker(name).close()
    yield session_carrier
    for name in LOOK_UP_BREAKERS:
        breaker(name).close()
    session_carrier.reset()
