"""The HTTP server of the sandbox: reads requests, lets faults strike, and hands the rest to the API and the pages."""

import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from payments.sandbox import control, shopper
from payments.sandbox.api import Answer, Api, Request
from payments.sandbox.faults import Fault, Faults
from payments.sandbox.store import Store, new_id
from payments.sandbox.webhooks import Courier
from payments.sandbox.wire import ApiError

logger = logging.getLogger(__name__)

LARGEST_BODY = 1_000_000


class Application:
    """Everything that outlives a connection, and the socket that can go away for a while."""

    def __init__(self, store: Store, api: Api, faults: Faults, courier: Courier) -> None:
        self.store, self.api, self.faults, self.courier = store, api, faults, courier
        self.stopping = threading.Event()
        self._server: SandboxServer | None = None
        self._refuse_seconds = 0.0

    def serve(self, host: str, port: int) -> None:
        """Serve until `stop()`. Prints the address once it can be called."""
        announced = False
        while not self.stopping.is_set():
            self._server = SandboxServer((host, port), self)
            port = self._server.server_address[1]
            if not announced:
                print(f"Sandbox provider is open: http://{host}:{port}/", flush=True)  # noqa: T201
                announced = True
            self._server.serve_forever(poll_interval=0.05)
            self._server.server_close()
            self.stopping.wait(self._refuse_seconds)
            self._refuse_seconds = 0.0

    def refuse(self, seconds: float, *, but: socket.socket) -> None:
        """Close the door and every connection `but` one, for `seconds`; nobody gets in when this returns."""
        server = self._server
        if server is None:
            return
        self._refuse_seconds = seconds
        server.shutdown()
        server.socket.close()
        server.cut_connections(but)

    def stop(self) -> None:
        self.stopping.set()
        if self._server is not None:
            self._server.shutdown()


class SandboxServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.application = application
        self._connections: set[socket.socket] = set()
        super().__init__(address, Handler)

    def keep(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def forget(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def cut_connections(self, but: socket.socket) -> None:
        for connection in list(self._connections):
            if connection is not but:
                drop(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""
        logger.debug("A connection from %s broke off.", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive between requests."""

    protocol_version = "HTTP/1.1"
    server_version = "EsteiraSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server: SandboxServer

    # What the connection's request carried, set by `_serve`.
    body = ""
    PLAIN: ClassVar[str] = "application/json"

    def setup(self) -> None:
        super().setup()
        self.server.keep(self.connection)

    def finish(self) -> None:
        self.server.forget(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    @property
    def application(self) -> Application:
        return self.server.application

    @property
    def public_url(self) -> str:
        return f"http://{self.headers.get('Host', 'localhost')}"

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.send_json(413, {"error": {"type": "invalid_request_error", "message": "The request is too large."}})
            return
        self.body = self.rfile.read(int(length)).decode("utf-8", "replace")
        path = urlsplit(self.path).path
        try:
            if path.startswith("/v1/"):
                self._serve_api(path)
            elif not shopper.serve(self, path) and not control.serve(self, path):
                self.send_json(404, {"error": {"type": "invalid_request_error", "message": "Unrecognized URL."}})
        except ApiError as error:
            self.send_json(error.status, error.body)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            logger.exception("%s %s failed.", self.command, path)
            self.send_json(500, _error_document(500))

    def _serve_api(self, path: str) -> None:
        request = Request(
            method=self.command,
            path=path,
            query=urlsplit(self.path).query,
            body=self.body,
            authorization=self.headers.get("Authorization", ""),
            idempotency_key=self.headers.get("Idempotency-Key", ""),
        )
        fault = self.application.faults.strike(self.command, path)
        with self.application.api.in_flight(request):
            if fault is not None and self._struck_before(fault):
                return
            answer = self.application.api.answer(request, self.public_url)
        if fault is None or not self._struck_after(fault):
            self._send_answer(answer)

    def _struck_before(self, fault: Fault) -> bool:
        """Let the fault do what it does before the work; whether that was all."""
        if fault.latency_ms:
            time.sleep(fault.latency_ms / 1000)
        return not fault.after and self._break(fault, lost_answer=False)

    def _struck_after(self, fault: Fault) -> bool:
        return self._break(fault, lost_answer=True) if fault.after or fault.kind == "lost_answer" else False

    def _break(self, fault: Fault, *, lost_answer: bool) -> bool:
        if fault.kind == "error":
            self.send_json(fault.error_status, _error_document(fault.error_status))
            return True
        if fault.kind == "hang":
            self.application.stopping.wait(fault.seconds)
        elif not (fault.kind == "lost_answer" and lost_answer):
            return False
        self.close_connection = True
        drop(self.connection)
        return True

    def _send_answer(self, answer: Answer) -> None:
        headers = {"Request-Id": new_id("req"), "Stripe-Version": self.headers.get("Stripe-Version", "")}
        if self.headers.get("Idempotency-Key"):
            headers["Idempotency-Key"] = self.headers["Idempotency-Key"]
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        self.send_json(answer.status, answer.body, headers)

    # --- What the pages and the controls use ---

    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body).items()}

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ApiError where it is none."""
        try:
            document = json.loads(self.body or "{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ApiError(400, "invalid_request_error", "The body must be a JSON object.")
        return document

    def send_json(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(document).encode(), "application/json", headers)

    def send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        logger.debug(format, *args)


def drop(connection: socket.socket) -> None:
    """End a connection without another byte."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("The connection was gone already.")


def _error_document(status: int) -> dict[str, Any]:
    kinds = {429: ("invalid_request_error", "rate_limit"), 401: ("invalid_request_error", "api_key_invalid")}
    kind, code = kinds.get(status, ("api_error", None))
    return {"error": {"type": kind, "code": code, "message": "A fault that was asked for."}}
