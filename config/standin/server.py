"""The HTTP server of a stand-in: its state across connections, and reading and answering a request."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

LARGEST_BODY = 1_000_000


class StandIn:
    """The state across connections, and the socket, which can be closed for a while."""

    # Its name in messages, such as "stand-in mail server".
    name: ClassVar[str]

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._server: Server[Any] | None = None
        self._refuse_seconds = 0.0

    def serve(self, host: str, port: int, handler: type[RequestHandler[Any]]) -> None:
        """Serve until `stop()`. Prints the URL once it accepts connections."""
        announced = False
        while not self.stopping.is_set():
            self._server = Server((host, port), self, handler)
            port = self._server.server_address[1]
            if not announced:
                print(f"{self.name.capitalize()} is open: http://{host}:{port}/", flush=True)  # noqa: T201
                announced = True
            self._server.serve_forever(poll_interval=0.05)
            self._server.server_close()
            self.stopping.wait(self._refuse_seconds)
            self._refuse_seconds = 0.0

    def refuse(self, seconds: float) -> None:
        """Close the socket for `seconds`. New connections are refused when this returns."""
        if self._server is not None:
            self._refuse_seconds = seconds
            self._server.shutdown()
            self._server.socket.close()

    def stop(self) -> None:
        self.stopping.set()
        if self._server is not None:
            self._server.shutdown()


Application = TypeVar("Application", bound=StandIn)


class Server(ThreadingHTTPServer, Generic[Application]):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], application: Application, handler: type[RequestHandler[Any]]) -> None:
        self.application = application
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is not an error."""
        logger.debug("Lost the connection from %s.", client_address, exc_info=True)


class RequestHandler(BaseHTTPRequestHandler, Generic[Application]):
    """One connection: reads its requests and passes each to `answer`."""

    server: Server[Application]
    # The response to a request of more than LARGEST_BODY bytes.
    too_large: ClassVar[dict[str, Any]]

    def answer(self, path: str, body: bytes) -> None:
        """Answer the request. `path` has no query string."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.send_json(413, self.too_large)
            return
        self.answer(urlsplit(self.path).path, self.rfile.read(int(length)))

    @property
    def application(self) -> Application:
        return self.server.application

    def send_json(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(document).encode(), "application/json", headers)

    def send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        logger.debug(format, *args)
