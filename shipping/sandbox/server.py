"""The HTTP server of the sandbox carrier: faults, authentication, answers, and the controls.

POST /api/v2/me/shipment/calculate   the carrier's API: prices
…    /api/v2/me/…                    its labels and wallet: see `labels.py`
GET  /viacep/ws/{cep}/json/          ViaCEP's API
GET  /brasilapi/api/cep/v2/{cep}     BrasilAPI's
GET, POST, DELETE /_sandbox/faults   list active faults; add one (see `faults.py`); clear all
GET  /_sandbox/calls                 {"count", "last"}: number of price requests, and the last one
GET  /print/{id},…                    the page of labels that is to be printed
GET  /_sandbox/labels                {"balance", "paid", "labels"}
POST /_sandbox/labels/{id}           {"status"}: what becomes of a label
POST /_sandbox/wallet                {"balance"}
GET  /_sandbox/events                the webhooks of all labels, each with its body and signature
POST /_sandbox/webhooks              {"url", "secret"}: where they go; an empty URL is nowhere
POST /_sandbox/reset                 reset the call count, clear all faults, forget labels and events
"""

import json
import logging
import re
import threading
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from config.standin.server import RequestHandler, StandIn
from shipping.sandbox import postal_codes, prices
from shipping.sandbox.faults import Fault, Faults, InvalidFault, parse
from shipping.sandbox.labels import PRINT, Labels
from shipping.sandbox.webhooks import WebhookSender

logger = logging.getLogger(__name__)

# Look-ups of postal codes, by two services.
VIACEP = re.compile(r"/viacep/ws/([^/]*)/json")
BRASILAPI = re.compile(r"/brasilapi/api/cep/v2/([^/]*)")
API = "/api/v2/me"
CALCULATE = f"{API}/shipment/calculate"
LABEL = re.compile(r"/_sandbox/labels/([^/]+)")
# Tokens with this prefix are valid but lack the scope.
WITHOUT_SCOPE = "unscoped"
HUGE_BYTES = 5_000_000
TRICKLE_SECONDS = 0.1


class Application(StandIn):
    name = "stand-in carrier"

    def __init__(
        self, token: str = "", *, webhook_url: str = "", webhook_secret: str = "", move_seconds: float = 0.0
    ) -> None:
        super().__init__()
        self.token = token
        self.faults = Faults(parse)
        self.labels = Labels(lambda label: self.webhooks.add(label), move_seconds)
        self.webhooks = WebhookSender(
            self.faults, url=webhook_url, secret=webhook_secret, also=lambda: self.labels.happen()
        )
        self.calls = 0
        self.last: Any = None
        self._lock = threading.Lock()

    def record_call(self, request: Any) -> None:
        with self._lock:
            self.calls, self.last = self.calls + 1, request

    def reset(self) -> None:
        self.faults.clear()
        self.labels.reset()
        self.webhooks.reset()
        with self._lock:
            self.calls, self.last = 0, None


class Handler(RequestHandler[Application]):
    """One request per connection, so that the `refused` fault applies to every caller at once."""

    server_version = "EsteiraCarrier"
    timeout = 60
    too_large = {"message": "The request is too large."}

    def answer(self, path: str, body: bytes) -> None:
        document, path = _document(body), path.rstrip("/")
        try:
            if path.startswith("/api/"):
                self._serve_api(path, document)
            elif path.startswith(("/viacep/", "/brasilapi/")):
                self._serve_postal_codes(path)
            elif path.startswith(PRINT):
                self.send(200, self.application.labels.print_page(path).encode(), "text/html; charset=utf-8")
            else:
                self._serve_controls(path, document)
        except OSError:
            logger.debug("The client disconnected.")

    # --- The carrier's API ---

    def _serve_api(self, path: str, document: Any) -> None:
        if path == CALCULATE:
            self.application.record_call(document)
        fault = self.application.faults.strike(self.command, path)
        if fault is not None and not fault.after and fault.kind != "lost_answer" and self._break(fault):
            return
        status, answer = self._response(path, document)
        if fault is not None and fault.kind == "lost_answer":
            self.close_connection = True
        elif fault is None or not fault.after or not self._break(fault):
            self.send(status, b"" if answer is None else json.dumps(answer).encode(), "application/json")

    def _response(self, path: str, request: Any) -> tuple[int, Any]:
        scheme, _space, token = self.headers.get("Authorization", "").partition(" ")
        contact = self.headers.get("User-Agent", "").partition("(")[2].strip(" )")
        if token.startswith(WITHOUT_SCOPE):
            return 403, {"error": "This action is unauthorized: shipping-calculate."}
        if scheme != "Bearer" or not token or (self.application.token and token != self.application.token):
            return 401, {"message": "Unauthenticated."}
        if "application/json" not in self.headers.get("Accept", "") or not contact:
            return 400, {"message": "Send Accept: application/json, and a contact in User-Agent: Name (contact)."}
        if (self.command, path) != ("POST", CALCULATE):
            query = dict(parse_qsl(urlsplit(self.path).query))
            told = self.application.labels.answer(self.command, path.removeprefix(API), query, request)
            if told and path.endswith("/shipment/print") and "url" in told[1]:
                told[1]["url"] = f"http://{self.headers.get('Host', '')}{told[1]['url']}"
            return told or (404, {"message": "Not found."})
        try:
            return 200, prices.calculate(request if isinstance(request, dict) else {})
        except prices.Invalid as error:
            return 422, {"message": "The given data was invalid.", "errors": error.errors}

    # --- The look-up services for postal codes ---

    def _serve_postal_codes(self, path: str) -> None:
        fault = self.application.faults.strike(self.command, path)
        if fault is not None and fault.kind == "cut_off":
            self.send_json(*postal_codes.brasilapi_cut_off())
        elif fault is None or not self._break(fault):
            status, answer = self._address(path)
            if answer is None:
                self.send(status, b"<!DOCTYPE HTML><html><h1>Http 400</h1></html>", "text/html; charset=utf-8")
            else:
                self.send_json(status, answer)

    def _address(self, path: str) -> tuple[int, Any]:
        if match := VIACEP.fullmatch(path):
            return postal_codes.viacep(match[1])
        if match := BRASILAPI.fullmatch(path):
            return postal_codes.brasilapi(match[1])
        return 404, {"message": "Not found."}

    def _break(self, fault: Fault) -> bool:
        """Apply the fault; returns whether the request ends here."""
        if fault.kind == "error":
            self.send_json(fault.error_status, {"message": "An injected fault."})
        elif fault.kind == "hang":
            self.application.stopping.wait(fault.seconds)
        elif fault.kind == "trickle":
            self._trickle(fault.seconds)
        elif fault.kind == "garbage":
            self.send(200, fault.body.encode(), "application/json")
        elif fault.kind == "huge":
            self.send(200, b"[" + b" " * HUGE_BYTES + b"]", "application/json")
        else:
            self.application.stopping.wait(fault.latency_ms / 1000)
            return False
        return True

    def _trickle(self, seconds: float) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(int(seconds / TRICKLE_SECONDS)):
            if self.application.stopping.wait(TRICKLE_SECONDS):
                return
            self.wfile.write(b".")

    # --- Controls ---

    def _serve_controls(self, path: str, document: Any) -> None:
        application = self.application
        if path == "/_sandbox/faults" and self.command == "POST":
            self._add_fault(document)
        elif path == "/_sandbox/faults":
            if self.command == "DELETE":
                application.faults.clear()
            self.send_json(200, {"faults": application.faults.listing()})
        elif path == "/_sandbox/calls":
            self.send_json(200, {"count": application.calls, "last": application.last})
        elif path == "/_sandbox/reset" and self.command == "POST":
            application.reset()
            self.send_json(200, {})
        elif path.startswith("/_sandbox/"):
            self._serve_label_controls(path, document if isinstance(document, dict) else {})
        elif path == "":
            self.send_json(200, {"name": "Esteira's stand-in carrier", "controls": (__doc__ or "").splitlines()})
        else:
            self.send_json(404, {"message": "Not found."})

    def _serve_label_controls(self, path: str, document: dict[str, Any]) -> None:
        application, moved = self.application, LABEL.fullmatch(path)
        if path == "/_sandbox/labels":
            self.send_json(200, application.labels.ledger())
        elif path == "/_sandbox/events":
            self.send_json(200, {"events": application.webhooks.events()})
        elif path == "/_sandbox/wallet" and self.command == "POST":
            application.labels.fill_wallet(float(document.get("balance", 0)))
            self.send_json(200, application.labels.ledger())
        elif path == "/_sandbox/webhooks" and self.command == "POST":
            application.webhooks.url = str(document.get("url", ""))
            application.webhooks.secret = str(document.get("secret", application.webhooks.secret))
            self.send_json(200, {})
        elif moved and application.labels.move(moved[1], str(document.get("status"))):
            self.send_json(200, application.labels.ledger())
        else:
            self.send_json(404, {"message": "Not found."})

    def _add_fault(self, document: Any) -> None:
        try:
            fault = self.application.faults.add(document if isinstance(document, dict) else {})
        except InvalidFault as error:
            self.send_json(400, {"message": str(error)})
            return
        if fault.kind == "refused":
            self.application.refuse(fault.seconds)
        self.send_json(200, {"faults": self.application.faults.listing()})


def _document(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
