"""gunicorn's threaded worker, in which only whole requests take a thread.

gunicorn itself reads a request in the thread that handles it: as many slow clients as there are threads shut the shop.
Here the loop that accepts connections also collects what they send. A slow sender costs a connection and some memory,
both bounded; one that does not read its answer costs a thread, but not for long. Probes have threads of their own: a
shop that is busy is not a shop that is dead.
"""

import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from config.web.arrival import BYTES_PER_SECOND, SECONDS, Arrival

PROBE_THREADS = 2
# What all unfinished requests of a process may hold together. Beyond it, the one that holds most is dropped.
MOST_BYTES = 64 * 1024 * 1024
# How many requests may be unfinished at once. Beyond it, the one that began first is dropped.
MOST_ARRIVING = 500
# How long a client has to take the end of its answer and to close; and, when we stop, to begin a request.
LINGER_SECONDS = 2.0
_PIECE = 64 * 1024
_LOOK_SECONDS = 0.25
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Step = Callable[["Connection"], None]


class Socket(socket.socket):
    """A client's socket. The client may be SECONDS behind BYTES_PER_SECOND in taking an answer, then it is gone.

    Only the time spent waiting for it counts.
    """

    _left = SECONDS

    def begin_answer(self) -> None:
        self._left = SECONDS

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As a socket's. A client that is too slow counts as gone (ConnectionResetError)."""
        # What went into the system's buffers at once earns no time for later.
        self._left = min(self._left + len(data) / BYTES_PER_SECOND, SECONDS)
        began = time.monotonic()
        self.settimeout(max(self._left, 0.001))
        try:
            super().sendall(data, flags)
        except TimeoutError:
            _count("slow_reader")
            raise ConnectionResetError(errno.ECONNRESET, "The client is too slow in reading.") from None
        finally:
            self._left -= time.monotonic() - began


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    arrival: Arrival

    def __init__(self, worker: "Worker", sock: Socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self._worker = worker
        # The parser gets whole requests, and never reads from the socket.
        self.parser = get_parser(worker.cfg, iter(()), client)
        self.initialized = self.data_ready = True

    def close(self, graceful: bool = False) -> None:
        """`graceful`: the client gets time to take the rest of its answer. gunicorn would wait for it in the loop."""
        if graceful:
            self._worker.see_off(self)
        else:
            util.close(self.sock)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._arriving: dict[Connection, None] = {}
        self._leaving: deque[Connection] = deque()
        self._next_look = self._stopped_at = 0.0

    def init_process(self) -> None:
        self._probes = ThreadPoolExecutor(PROBE_THREADS, "probe")
        super().init_process()

    # --- Arriving -----------------------------------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        if len(self._arriving) >= MOST_ARRIVING:
            self._drop(next(iter(self._arriving)), "crowded")
        self.nr_conns += 1
        self.enqueue_req(Connection(self, Socket(fileno=accepted.detach()), client, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """Collect a request from a connection that is new, or has something to read."""
        conn.arrival = Arrival(conn.parser.unreader.take_buffered(), time.monotonic())
        conn.sock.setblocking(False)
        if step := self._collect(conn):
            step(conn)
            return
        self._arriving[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_arriving, conn))

    def _on_arriving(self, conn: Connection, _sock: Socket) -> None:
        if step := self._collect(conn):
            self._forget(conn)
            step(conn)

    def _collect(self, conn: Connection) -> Step | None:
        """Take what there is; returns what comes next, or None while the request is not whole."""
        arrival = conn.arrival
        try:
            piece = None if arrival.is_whole() else conn.sock.recv(_PIECE)
        except BlockingIOError:
            return None
        except OSError:
            return self._part
        if piece == b"":
            return self._part
        arrival.data += piece or b""
        if arrival.is_whole():
            return self._hand_over
        if refusal := arrival.refusal():
            return partial(self._refuse, status=refusal, why="too_large")
        if arrival.expects_continue:
            arrival.expects_continue = False
            _send(conn, _CONTINUE)
        self._make_room()
        return None

    def _hand_over(self, conn: Connection) -> None:
        """Give the request to a thread."""
        pool = self._probes if conn.arrival.is_probe else self.tpool
        conn.parser.unreader.unread(bytes(conn.arrival.data))
        conn.arrival.data.clear()
        conn.sock.begin_answer()

        def finished(future: "Future[object]") -> None:
            self.method_queue.defer(self.finish_request, conn, future)

        pool.submit(self.handle, conn).add_done_callback(finished)

    def _make_room(self) -> None:
        if sum(len(conn.arrival.data) for conn in self._arriving) > MOST_BYTES:
            self._drop(max(self._arriving, key=lambda conn: len(conn.arrival.data)), "crowded")

    def murder_pending(self) -> None:
        """Called by the loop, at least once a second: end what is overdue."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        for conn in [conn for conn in self._arriving if conn.arrival.due <= now]:
            self._drop(conn, "slow_request")
        while self._leaving and self._leaving[0].timeout <= now:
            self._say_goodbye(self._leaving[0])
        if not self.alive:
            self._stopped_at = self._stopped_at or now
            if now > self._stopped_at + LINGER_SECONDS:
                for conn in [conn for conn in self._arriving if not conn.arrival.data]:
                    self._forget(conn)
                    self._part(conn)

    # --- Leaving ------------------------------------------------------------------------------------------------------

    def _drop(self, conn: Connection, why: str) -> None:
        """End a request that is not whole. Browsers connect ahead of need: who has sent nothing gets no answer."""
        self._forget(conn)
        if conn.arrival.data:
            self._refuse(conn, HTTPStatus.REQUEST_TIMEOUT, why)
        else:
            self._part(conn)

    def _refuse(self, conn: Connection, status: HTTPStatus, why: str) -> None:
        _count(why)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        _send(conn, head.encode())
        self.nr_conns -= 1
        self.see_off(conn)

    def _part(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Connection) -> None:
        del self._arriving[conn]
        self.poller.unregister(conn.sock)

    def see_off(self, conn: Connection) -> None:
        """Close once the client has, or soon: closed at once, the end of an answer can be lost (RFC 9112, 9.6)."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self.nr_conns += 1
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._leaving.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_leaving, conn))

    def _on_leaving(self, conn: Connection, _sock: Socket) -> None:
        try:
            still_there = conn.sock.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            still_there = b""
        if not still_there:
            self._say_goodbye(conn)

    def _say_goodbye(self, conn: Connection) -> None:
        self._leaving.remove(conn)
        self.poller.unregister(conn.sock)
        self._part(conn)


def _send(conn: Connection, data: bytes) -> None:
    """A few bytes, without waiting: a client whose buffer is full does not get them."""
    try:
        conn.sock.send(data)
    except OSError:
        return


def _count(why: str) -> None:
    # Imported in the worker, not in the process that forks it.
    from config.telemetry.metrics import web_requests_dropped

    web_requests_dropped.labels(why).inc()
