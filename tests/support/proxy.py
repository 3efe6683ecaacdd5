"""A TCP proxy in front of a server that can forward, refuse, hang or cut connections."""

import contextlib
import select
import socket
import threading
import time
from typing import Literal

Mode = Literal["open", "refused", "hanging", "slow"]
SLOW_SECONDS = 0.05


class Proxy:
    """Listens on a free loopback port and forwards everything to `target`, until `set` says otherwise.

    `refused`: the port is closed and every connection is cut. `hanging`: connections stay open, but no byte moves.
    `slow`: every chunk of a response is delayed.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self._mode: Mode = "open"
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._stopped = False
        self.port = 0
        self._listen()

    def set(self, mode: Mode) -> None:
        was, self._mode = self._mode, mode
        if mode == "refused":
            self._close_listener()
            self._cut()
        elif self._listener is None:
            self._listen()
        if was == "hanging" and mode == "open":
            # A connection that hung may have sent half a message: callers have to reconnect.
            self._cut()

    def stop(self) -> None:
        self._stopped = True
        self._close_listener()
        self._cut()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close_listener(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self.target, timeout=5) as server:
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            try:
                self._pass_on(client, server)
            finally:
                with self._lock:
                    self._pairs.discard(pair)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        ends = {client.fileno(): (client, server), server.fileno(): (server, client)}
        # Not `select`: it takes no file descriptor above 1,023, and tests may open a thousand connections.
        waiting = select.poll()
        for number in ends:
            waiting.register(number, select.POLLIN)
        while not self._stopped:
            ready = waiting.poll(200)
            while self._mode == "hanging" and not self._stopped:
                time.sleep(0.02)
            for number, _event in ready:
                source, other = ends[number]
                piece = source.recv(65536)
                if not piece:
                    return
                if self._mode == "slow" and source is server:
                    time.sleep(SLOW_SECONDS)
                other.sendall(piece)

    def _cut(self) -> None:
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
