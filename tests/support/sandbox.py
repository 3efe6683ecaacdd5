"""The sandbox provider for tests: a real process on a free port, one per test session and worker.

`sandbox` points the settings at it and starts each test with an empty ledger; `sandbox_process` starts one that belongs
to the test, which may kill and restart it.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.conf import settings as project_settings

from config.resilience.breakers import breaker
from tests.support.stand_in import call_control

SECRET_KEY = "sk_test_sandbox"
PUBLISHABLE_KEY = "pk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"
REPOSITORY = Path(__file__).resolve().parents[2]


class Sandbox:
    """One sandbox process and its controls."""

    secret_key = SECRET_KEY
    publishable_key = PUBLISHABLE_KEY
    webhook_secret = WEBHOOK_SECRET

    def __init__(self, data: Path) -> None:
        self._data = data
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, on the same port as before if there was one. It is ready when this returns."""
        command = [
            sys.executable, "-m", "payments.sandbox", "--port", str(self._port), "--data", str(self._data),
            "--webhook-secret", WEBHOOK_SECRET, "--until-stdin-closes",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Sandbox provider is open: "), f"The sandbox did not start: {line!r}"
        self._port = int(line.rsplit(":", 1)[1].strip().rstrip("/"))

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> None:
        """SIGTERM."""
        assert self._process is not None
        self._process.terminate()
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process = None

    def fault(self, kind: str, **fields: Any) -> None:
        """Inject a fault: see payments/sandbox/faults.py."""
        self._call("POST", "faults", {"kind": kind, **fields})

    def no_faults(self) -> None:
        self._call("DELETE", "faults")

    def ledger(self) -> dict[str, Any]:
        """The provider's ledger in minor units: captured, refunded, pending, disputed, balance, intents by status."""
        return self._call("GET", "ledger")

    def charges(self) -> list[dict[str, Any]]:
        """By charge, in minor units: captured, refunded, pending, disputed."""
        charges: list[dict[str, Any]] = self._call("GET", "ledger/charges")["charges"]
        return charges

    def set_later(self, seconds: float) -> None:
        """How long "some time later" is: when a pending refund settles, for example."""
        self._call("POST", "settings", {"later_seconds": seconds})

    def happen_now(self) -> int:
        """Let all happen at once that is scheduled for later; returns how many there were."""
        return int(self._call("POST", "later")["happened"])

    def refund_by_hand(self, provider_reference: str, amount: int | None = None) -> dict[str, Any]:
        """Refund in the provider's dashboard: without our metadata."""
        return self._call("POST", f"intents/{provider_reference}/refund", {"amount": amount})

    def capture_by_hand(self, provider_reference: str, amount: int | None = None) -> dict[str, Any]:
        return self._call("POST", f"intents/{provider_reference}/capture", {"amount": amount})

    def cancel_by_hand(self, provider_reference: str) -> dict[str, Any]:
        return self._call("POST", f"intents/{provider_reference}/cancel")

    def move_refund(self, refund_id: str, status: str, **reasons: str) -> dict[str, Any]:
        """Move a refund to any status; `failure_reason` or `pending_reason` say why."""
        return self._call("POST", f"refunds/{refund_id}", {"status": status, **reasons})

    def dispute(self, provider_reference: str, **fields: Any) -> dict[str, Any]:
        """The cardholder disputes: see `open_` in payments/sandbox/disputes.py."""
        return self._call("POST", f"intents/{provider_reference}/dispute", fields)

    def move_dispute(self, dispute_id: str, status: str, *, funds: bool = True) -> dict[str, Any]:
        """Move a dispute to any status; `funds`: and its funds as the status demands."""
        return self._call("POST", f"disputes/{dispute_id}", {"status": status, "funds": funds})

    def withdraw_funds(self, dispute_id: str) -> dict[str, Any]:
        return self._call("POST", f"disputes/{dispute_id}/withdraw")

    def reinstate_funds(self, dispute_id: str) -> dict[str, Any]:
        return self._call("POST", f"disputes/{dispute_id}/reinstate")

    def warn_of_fraud(self, provider_reference: str) -> dict[str, Any]:
        """An early fraud warning by the card's bank."""
        return self._call("POST", f"intents/{provider_reference}/early_fraud_warning")

    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._call("GET", "events")["events"]
        return events

    def redeliver(self, event_id: str) -> None:
        self._call("POST", f"events/{event_id}/redeliver")

    def deliver_to(self, url: str) -> None:
        """Send webhooks to `url` from now on; an empty one stops delivery."""
        self._call("POST", "webhooks", {"url": url, "secret": WEBHOOK_SECRET})

    def advance_clock(self, seconds: float) -> None:
        self._call("POST", "clock", {"advance_seconds": seconds})

    def add_foreign_intents(self, count: int, **fields: Any) -> dict[str, Any]:
        """Intents of another application on the same account: see payments/sandbox/bulk.py."""
        return self._call("POST", "intents/bulk", {"count": count, **fields})

    def create_intent(self, key: str = "", **params: Any) -> str:
        """Create an intent of 100 centavos, under the idempotency key if given; returns its id."""
        client = stripe.StripeClient(self.secret_key, base_addresses={"api": self.base_url})
        values = {"amount": 100, "currency": "brl", **params}
        return client.v1.payment_intents.create(values, {"idempotency_key": key} if key else {}).id

    def reset(self) -> None:
        """Forget everything; no faults, no webhooks."""
        self._call("POST", "reset")
        self.deliver_to("")

    def pay_pix(self, provider_reference: str) -> bool:
        """Pay a Pix charge in the bank's app; returns whether it was accepted."""
        return self._submit(f"pix/{provider_reference}", "answer=pay")

    def answer_challenge(self, provider_reference: str, *, authenticate: bool) -> str:
        """Answer the 3-D Secure challenge; returns the address that the browser is redirected to."""
        answer = "authenticate" if authenticate else "refuse"
        request = urllib.request.Request(
            f"{self.base_url}/_sandbox/3ds/{provider_reference}", data=f"answer={answer}".encode(), method="POST"
        )
        try:
            _without_redirects().open(request, timeout=10)
        except urllib.error.HTTPError as answered:
            with answered:
                return answered.headers["Location"]
        raise AssertionError("The page did not redirect.")

    def _submit(self, page: str, form: str) -> bool:
        request = urllib.request.Request(f"{self.base_url}/_sandbox/{page}", data=form.encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return False

    def _call(self, method: str, what: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        return call_control(self.base_url, method, what, document)


def _without_redirects() -> urllib.request.OpenerDirector:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args: Any) -> None:
            return None

    return urllib.request.build_opener(Stay)


@pytest.fixture(scope="session")
def session_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.stop()


@pytest.fixture
def sandbox(session_sandbox: Sandbox, settings: Any) -> Sandbox:
    """The provider with an empty ledger, the settings pointing at it, and its circuits closed."""
    session_sandbox.reset()
    use_sandbox(session_sandbox, settings)
    return session_sandbox


@pytest.fixture
def nothing_before_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconciliation begins twenty minutes before the test, not six hours: the provider's ledger was empty then.

    Six hours are hundreds of requests, which a busy machine does not get through within one round.
    """
    monkeypatch.setattr("payments.reconcile.RECONCILE_WINDOW", timedelta(minutes=20))


@pytest.fixture
def sandbox_process(tmp_path: Path, settings: Any) -> Iterator[Callable[[], Sandbox]]:
    """Starts a sandbox that belongs to the test, with the settings pointing at it."""
    started: list[Sandbox] = []

    def start() -> Sandbox:
        running = Sandbox(tmp_path / f"sandbox{len(started)}")
        started.append(running)
        use_sandbox(running, settings)
        return running

    yield start
    for running in started:
        if running._process is not None:
            running.stop()


def use_sandbox(running: Sandbox, settings: Any = project_settings) -> None:
    settings.STRIPE_API_BASE = running.base_url
    settings.STRIPE_JS_URL = f"{running.base_url}/v3/"
    settings.STRIPE_SECRET_KEY = SECRET_KEY
    settings.STRIPE_PUBLISHABLE_KEY = PUBLISHABLE_KEY
    settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
    close_breakers()


def close_breakers() -> None:
    """As after a cooldown and successful probes: cards and Pix are offered again."""
    for service in ("stripe", "stripe_pix", "stripe_background"):
        breaker(service).close()
