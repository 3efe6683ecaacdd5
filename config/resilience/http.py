"""HTTP calls with a deadline over the whole call, a limit on the response size, and no redirects.

Socket timeouts cover neither the DNS lookup nor a response that trickles in, so each call runs in a thread of its own
whose connection is shut down at the deadline. Each service has its own few threads: one that hangs cannot starve
another.

Connections are kept for the next call to the same server: a TLS handshake is two round trips of the caller's wait, and
milliseconds of work. The other side may close a kept one at the moment of its use. Then a call that may be repeated is
sent again over a new one; every other call gets a new one from the start.
"""

import socket
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as once
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from select import POLLIN, poll
from ssl import SSLContext, create_default_context
from time import monotonic
from urllib.parse import urlsplit

THREADS_PER_SERVICE = 4
CHUNK_BYTES = 16 * 1024
# Less than servers and what lies between keep an idle connection.
KEPT_SECONDS = 30.0


class CallFailed(Exception):
    """No complete response: the service is unreachable, or the response is too late, cut off or too large."""


@dataclass(frozen=True)
class Call:
    """A request to a service. `path` is appended to the path of `base`, an http(s) URL; `seconds` is the deadline.

    `repeatable`: a second delivery does no harm, as with every GET.
    """

    service: str
    base: str
    path: str
    seconds: float
    max_bytes: int
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = False

    @property
    def is_repeatable(self) -> bool:
        return self.repeatable or self.method == "GET"


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes


def send(call: Call) -> Response:
    """Return the response, whatever its status, within `call.seconds`. Raises CallFailed. Never call it in a
    transaction."""
    exchange = _Exchange(call, monotonic() + call.seconds)
    response: Future[Response] = _threads(call.service).submit(exchange.run)
    try:
        return response.result(timeout=call.seconds)
    except FutureTimeoutError as error:
        response.cancel()
        exchange.shut_down()
        raise CallFailed(f"no response within {call.seconds:g} s") from error


@once
def _threads(service: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS_PER_SERVICE, thread_name_prefix=service)


class _ClosedWhileIdle(Exception):
    """A kept connection ended before a byte of the answer."""


class _Exchange:
    """One call in its thread. Its caller may shut it down from another."""

    def __init__(self, call: Call, deadline: float) -> None:
        self._call, self._deadline = call, deadline
        self._address = urlsplit(call.base)
        self._idle = _idle(call.service, self._address.scheme, self._address.netloc)
        self._connection: HTTPConnection | None = None

    def run(self) -> Response:
        """Raises CallFailed."""
        try:
            kept = self._idle.take() if self._call.is_repeatable else None
            if kept is not None:
                with suppress(_ClosedWhileIdle):
                    return self._over(kept, is_kept=True)
            return self._over(self._new(), is_kept=False)
        except (OSError, HTTPException, ValueError) as error:
            raise CallFailed(type(error).__name__) from error

    def shut_down(self) -> None:
        """Unblock the thread that still reads, so that a slow server keeps no thread busy."""
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _new(self) -> HTTPConnection:
        host, seconds = self._address.netloc, self._call.seconds
        if self._address.scheme == "https":
            return HTTPSConnection(host, timeout=seconds, context=_trust())
        return HTTPConnection(host, timeout=seconds)

    def _over(self, connection: HTTPConnection, *, is_kept: bool) -> Response:
        """Send the call over a connection and read the response. Raises _ClosedWhileIdle for a kept one only."""
        # Before it connects: the caller may give up meanwhile.
        self._connection = connection
        is_reusable = False
        try:
            if is_kept:
                connection.sock.settimeout(self._call.seconds)
            else:
                connection.connect()
            # The caller has given up and found no socket to shut down, so this thread has to stop by itself.
            if monotonic() > self._deadline:
                raise CallFailed("connected too late")
            with self._answer(connection, is_kept=is_kept) as answer:
                response = Response(answer.status, _read(answer, self._call.max_bytes, self._deadline))
            is_reusable = not answer.will_close
            return response
        finally:
            if is_reusable:
                self._idle.keep(connection)
            else:
                connection.close()

    def _answer(self, connection: HTTPConnection, *, is_kept: bool) -> HTTPResponse:
        call = self._call
        path = self._address.path.rstrip("/") + call.path
        try:
            connection.request(call.method, path, body=call.body, headers=dict(call.headers))
            return connection.getresponse()
        except ConnectionError as error:
            # Past the deadline it was the caller who closed it.
            if is_kept and monotonic() < self._deadline:
                raise _ClosedWhileIdle from error
            raise


class _Idle:
    """The kept connections to one server. Thread-safe, as a deque is."""

    def __init__(self) -> None:
        self._kept: deque[tuple[HTTPConnection, float]] = deque()

    def take(self) -> HTTPConnection | None:
        """The one used last, unless the other side has closed it or it was idle for too long."""
        while True:
            try:
                connection, since = self._kept.pop()
            except IndexError:
                return None
            if monotonic() - since < KEPT_SECONDS and not _is_readable(connection):
                return connection
            connection.close()

    def keep(self, connection: HTTPConnection) -> None:
        self._kept.append((connection, monotonic()))
        while len(self._kept) > THREADS_PER_SERVICE:
            with suppress(IndexError):
                self._kept.popleft()[0].close()


@once
def _idle(_service: str, _scheme: str, _host: str) -> _Idle:
    return _Idle()


@once
def _trust() -> SSLContext:
    """Made once: reading the certificates takes milliseconds."""
    context = create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_readable(connection: HTTPConnection) -> bool:
    """Whether an idle connection has something to read: its end, or what nobody has asked for."""
    if connection.sock is None:
        return True
    waiting = poll()
    waiting.register(connection.sock, POLLIN)
    return bool(waiting.poll(0))


def _read(answer: HTTPResponse, max_bytes: int, deadline: float) -> bytes:
    body = b""
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes or monotonic() > deadline:
            raise CallFailed("the response is too large or too slow")
    if answer.length:
        raise CallFailed("the response was cut off")
    return body
