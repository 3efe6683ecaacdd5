"""The HTTP server of the stand-in carrier: lets faults strike, checks who calls, answers; and its controls.

POST /api/v2/me/shipment/calculate   the contract
GET, POST, DELETE /_sandbox/faults   what is on; switch one on (see `faults.py`); switch all off
GET  /_sandbox/calls                 {"count", "last"}: how often prices were asked for, and the last question
POST /_sandbox/reset                 forget the calls, all faults off
"""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from shipping.sandbox import prices
from shipping.sandbox.faults import Fault, Faults, Misspelt

logger = logging.getLogger(__name__)

CALCULATE = "/api/v2/me/shipment/calculate"
# Tokens that begin so are known, and may do other things only.
WITHOUT_SCOPE = "unscoped"
LARGEST_BODY = 1_000_000
HUGE_BYTES = 5_000_000
TRICKLE_SECONDS = 0.1


class Application:
    """Everything that outlives a connection, and the socket that can go away for a while."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.faults = Faults()
        self.stopping = threading.Event()
        self.calls = 0
        self.last: Any = None
        self._lock = threading.Lock()
        self._server: CarrierServer | None = None
        self._refuse_seconds = 0.0

    def serve(self, host: str, port: int) -> None:
        """Serve until `stop()`. Prints the address once it can be called."""
        announced = False
        while not self.stopping.is_set():
            self._server = CarrierServer((host, port), self)
            port = self._server.server_address[1]
            if not announced:
                print(f"Stand-in carrier is open: http://{host}:{port}/", flush=True)  # noqa: T201
                announced = True
            self._server.serve_forever(poll_interval=0.05)
            self._server.server_close()
            self.stopping.wait(self._refuse_seconds)
            self._refuse_seconds = 0.0

    def refuse(self, seconds: float) -> None:
        """Close the door for `seconds`; nobody gets in when this returns."""
        if self._server is not None:
            self._refuse_seconds = seconds
            self._server.shutdown()
            self._server.socket.close()

    def stop(self) -> None:
        self.stopping.set()
        if self._server is not None:
            self._server.shutdown()

    def note(self, question: Any) -> None:
        with self._lock:
            self.calls, self.last = self.calls + 1, question

    def forget(self) -> None:
        self.faults.clear()
        with self._lock:
            self.calls, self.last = 0, None


class CarrierServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.application = application
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""
        logger.debug("A connection from %s broke off.", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One request a connection: so a door that is closed is closed for everybody."""

    server_version = "EsteiraCarrier"
    timeout = 60
    server: CarrierServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    @property
    def application(self) -> Application:
        return self.server.application

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self._send(413, {"message": "The request is too large."})
            return
        document = _document(self.rfile.read(int(length)))
        path = urlsplit(self.path).path.rstrip("/")
        try:
            if path.startswith("/api/"):
                self._serve_api(path, document)
            else:
                self._serve_controls(path, document)
        except OSError:
            logger.debug("The caller has hung up.")

    # --- The contract ---

    def _serve_api(self, path: str, document: Any) -> None:
        if path == CALCULATE:
            self.application.note(document)
        fault = self.application.faults.strike(path)
        if fault is None or not self._break(fault):
            self._send(*self._answer(path, document))

    def _answer(self, path: str, question: Any) -> tuple[int, Any]:
        scheme, _space, token = self.headers.get("Authorization", "").partition(" ")
        contact = self.headers.get("User-Agent", "").partition("(")[2].strip(" )")
        if token.startswith(WITHOUT_SCOPE):
            return 403, {"error": "This action is unauthorized: shipping-calculate."}
        if scheme != "Bearer" or not token or (self.application.token and token != self.application.token):
            return 401, {"message": "Unauthenticated."}
        if "application/json" not in self.headers.get("Accept", "") or not contact:
            return 400, {"message": "Say Accept: application/json, and who you are in User-Agent: Name (contact)."}
        if (self.command, path) != ("POST", CALCULATE):
            return 404, {"message": "Not found."}
        try:
            return 200, prices.calculate(question if isinstance(question, dict) else {})
        except prices.Invalid as error:
            return 422, {"message": "The given data was invalid.", "errors": error.errors}

    def _break(self, fault: Fault) -> bool:
        """Do what the fault does; whether that was all."""
        if fault.kind == "error":
            self._send(fault.error_status, {"message": "A fault that was asked for."})
        elif fault.kind == "hang":
            self.application.stopping.wait(fault.seconds)
        elif fault.kind == "trickle":
            self._trickle(fault.seconds)
        elif fault.kind == "garbage":
            self._send_bytes(200, fault.body.encode())
        elif fault.kind == "huge":
            self._send_bytes(200, b"[" + b" " * HUGE_BYTES + b"]")
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

    # --- The controls ---

    def _serve_controls(self, path: str, document: Any) -> None:
        application = self.application
        if path == "/_sandbox/faults" and self.command == "POST":
            self._add_fault(document)
        elif path == "/_sandbox/faults":
            if self.command == "DELETE":
                application.faults.clear()
            self._send(200, {"faults": application.faults.listing()})
        elif path == "/_sandbox/calls":
            self._send(200, {"count": application.calls, "last": application.last})
        elif path == "/_sandbox/reset" and self.command == "POST":
            application.forget()
            self._send(200, {})
        elif path == "":
            self._send(200, {"name": "Esteira's stand-in carrier", "controls": (__doc__ or "").splitlines()})
        else:
            self._send(404, {"message": "Not found."})

    def _add_fault(self, document: Any) -> None:
        try:
            fault = self.application.faults.add(document if isinstance(document, dict) else {})
        except Misspelt as error:
            self._send(400, {"message": str(error)})
            return
        if fault.kind == "refused":
            self.application.refuse(fault.seconds)
        self._send(200, {"faults": self.application.faults.listing()})

    def _send(self, status: int, document: Any) -> None:
        self._send_bytes(status, json.dumps(document).encode())

    def _send_bytes(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        logger.debug(format, *args)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
