"""A failure that the provider keeps under an idempotency key and repeats is an answer, and no key shuts a cart."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from payments.gateways import gateway
from tests.payments.requests import a_charge
from tests.support.sandbox import close_breakers

pytestmark = pytest.mark.django_db


class Failing(ThreadingHTTPServer):
    """Answers every request with 500. As Stripe, it says so if the key was seen before: then it does no work."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Failing)
        self.keys: list[str] = []
        self.worked = 0


class _Failing(BaseHTTPRequestHandler):
    server: Failing
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Idempotency-Key"]
        body = json.dumps({"error": {"type": "api_error", "message": "Sorry."}}).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        if key in self.server.keys:
            self.send_header("Idempotent-Replayed", "true")
        else:
            self.server.worked += 1
        self.end_headers()
        self.server.keys.append(key)
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def failing(settings) -> Iterator[Failing]:
    server = Failing()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_address[1]}"
    settings.STRIPE_SECRET_KEY = "sk_test_failing"
    close_breakers()
    yield server
    close_breakers()
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_leaves_the_circuit_closed_and_the_outcome_unknown(failing: Failing) -> None:
    request = a_charge()
    for _ in range(2 * FAILURES_BEFORE_OPENING):
        assert gateway().authorize(request).kind == "unknown"
    assert failing.worked == 1
    assert breaker("stripe").state == "closed"


def test_every_cancel_is_tried_anew(failing: Failing) -> None:
    for _ in range(3):
        assert gateway().void("pi_1").kind == "unknown"
    assert failing.worked == 3
