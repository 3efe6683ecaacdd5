"""Clients that begin requests and take for ever to finish them."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

BODY = (
    b"POST /api/v1/carts/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 400000\r\n\r\n"
)
HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
# More than one read of a proxy, which by then may believe that a request is under way.
A_LOT = 40 * 1024


class SlowClients:
    """Each sends `begin`, then a byte a second; whoever is cut off connects anew. `cut` counts those."""

    def __init__(self, port: int, count: int, begin: bytes, source: str, *, again: bool) -> None:
        self._address, self._begin, self._source, self._again = ("127.0.0.1", port), begin, source, again
        self.cut = 0
        self.answers: list[bytes] = []
        self.seconds: list[float] = []
        self._enough = threading.Event()
        self._open: dict[socket.socket, float] = {}
        for _ in range(count):
            self._connect()
        self._thread = threading.Thread(target=self._trickle, daemon=True)
        self._thread.start()

    @property
    def open(self) -> int:
        return len(self._open)

    def stop(self) -> None:
        self._enough.set()
        self._thread.join(30)
        for client in self._open:
            client.close()

    def _connect(self) -> None:
        client = socket.create_connection(self._address, timeout=10, source_address=(self._source, 0))
        self._open[client] = time.monotonic()
        with contextlib.suppress(OSError):
            client.sendall(self._begin)
        client.setblocking(False)

    def _trickle(self) -> None:
        while not self._enough.wait(1):
            for client in list(self._open):
                if self._is_alive(client):
                    continue
                self.cut += 1
                self.seconds.append(time.monotonic() - self._open.pop(client))
                client.close()
                if self._again:
                    self._connect()

    def _is_alive(self, client: socket.socket) -> bool:
        try:
            if answer := client.recv(4096):
                self.answers.append(answer.split(b"\r\n")[0])
            return False
        except BlockingIOError:
            pass
        except OSError:
            return False
        try:
            client.send(b"x")
        except OSError:
            return False
        return True


@contextlib.contextmanager
def slow_clients(
    port: int, count: int, begin: bytes = BODY, source: str = "127.0.0.1", *, again: bool = True
) -> Iterator[SlowClients]:
    clients = SlowClients(port, count, begin, source, again=again)
    try:
        yield clients
    finally:
        clients.stop()
