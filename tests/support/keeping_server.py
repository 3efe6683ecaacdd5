"""An HTTP/1.1 server that keeps its connections, and hangs up when it is told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request. `connection`: the number of the connection over which it came."""

    connection: int
    path: str
    headers: dict[str, str]
    body: bytes


class KeepingServer(ThreadingHTTPServer):
    """`hang_ups`: how many of the next requests are read and not answered; their connections end.

    `only_kept`: of those that come over a connection that has answered before. `delay`: seconds before it hangs up.
    `status`: of the answers.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body
        # The length that is announced, if it is not that of the body.
        self.announced: int | None = None
        self.received: list[Received] = []
        self.hang_ups, self.only_kept = 0, True
        self.delay = 0.0
        self.status = 200
        self.connections = 0
        self.open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def refuse_new(self) -> None:
        """Close the port. Connections that are open go on."""
        self.shutdown()
        self.server_close()

    def close_idle(self) -> None:
        """Close all connections, as a server does with those that were idle for long."""
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.open = []


class _Handler(BaseHTTPRequestHandler):
    server: KeepingServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number, self.has_answered = self.server.connections, False
        self.server.open.append(self.connection)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.received.append(Received(self.number, self.path, dict(self.headers), body))
        if server.hang_ups and (self.has_answered or not server.only_kept):
            server.hang_ups -= 1
            threading.Event().wait(server.delay)
            self.close_connection = True
            return
        self.has_answered = True
        self.send_response(server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(server.body) if server.announced is None else server.announced))
        self.end_headers()
        self.wfile.write(server.body)
        self.close_connection = server.announced is not None

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def keeping_server(body: bytes) -> Iterator[KeepingServer]:
    server = KeepingServer(body)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.close_idle()
        server.server_close()
