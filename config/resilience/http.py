"""HTTP calls with a deadline over the whole call, a limit on the response size, and no redirects.

Socket timeouts cover neither the DNS lookup nor a response that trickles in, so each call runs in a thread of its own
whose connection is shut down at the deadline. Each service has its own few threads: one that hangs cannot starve
another.
"""

import socket
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache as once
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from urllib.parse import urlsplit

THREADS_PER_SERVICE = 4
CHUNK_BYTES = 16 * 1024


class CallFailed(Exception):
    """No complete response: the service is unreachable, or the response is too late, cut off or too large."""


@dataclass(frozen=True)
class Call:
    """A request to a service. `path` is appended to the path of `base`, an http(s) URL; `seconds` is the deadline."""

    service: str
    base: str
    path: str
    seconds: float
    max_bytes: int
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes


def send(call: Call) -> Response:
    """Return the response, whatever its status, within `call.seconds`. Raises CallFailed. Never call it in a
    transaction."""
    deadline = monotonic() + call.seconds
    address = urlsplit(call.base)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.netloc, timeout=call.seconds)
    path = address.path.rstrip("/") + call.path
    response: Future[Response] = _threads(call.service).submit(_exchange, connection, call, path, deadline)
    try:
        return response.result(timeout=call.seconds)
    except FutureTimeoutError as error:
        response.cancel()
        _shut_down(connection)
        raise CallFailed(f"no response within {call.seconds:g} s") from error


@once
def _threads(service: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS_PER_SERVICE, thread_name_prefix=service)


def _shut_down(connection: HTTPConnection) -> None:
    """Unblock the thread that still reads, so that a slow server keeps no thread busy."""
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _exchange(connection: HTTPConnection, call: Call, path: str, deadline: float) -> Response:
    try:
        with closing(connection):
            connection.connect()
            # The caller has given up and found no socket to shut down, so this thread has to stop by itself.
            if monotonic() > deadline:
                raise CallFailed("connected too late")
            connection.request(call.method, path, body=call.body, headers=dict(call.headers))
            with connection.getresponse() as answer:
                return Response(answer.status, _read(answer, call.max_bytes, deadline))
    except (OSError, HTTPException, ValueError) as error:
        raise CallFailed(type(error).__name__) from error


def _read(answer: HTTPResponse, max_bytes: int, deadline: float) -> bytes:
    body = b""
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes or monotonic() > deadline:
            raise CallFailed("the response is too large or too slow")
    return body
