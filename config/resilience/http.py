"""One HTTP call to a stranger that ends when we say: a deadline over all of it, a bound on the answer, no redirects.

The time-outs of sockets cover neither the look-up of the name nor an answer that trickles in, so each call runs in a
thread of its own that is hung up on. Each service has its own few threads: one that hangs takes none from another.
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

THREADS_A_SERVICE = 4
PIECE_BYTES = 16 * 1024


class CallFailed(Exception):
    """There is no whole answer: nobody was reached, or it came too late, broke off or is too large."""


@dataclass(frozen=True)
class Call:
    """What is asked of a service. `path` is put behind the path of `base`, an http(s) address."""

    service: str
    base: str
    path: str
    seconds: float
    most_bytes: int
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Answered:
    status: int
    body: bytes


def ask(call: Call) -> Answered:
    """The answer, whatever its status, within `call.seconds`. Raises CallFailed. Not to be called in a transaction."""
    give_up_at = monotonic() + call.seconds
    address = urlsplit(call.base)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.netloc, timeout=call.seconds)
    path = address.path.rstrip("/") + call.path
    asked: Future[Answered] = _threads(call.service).submit(_talk, connection, call, path, give_up_at)
    try:
        return asked.result(timeout=call.seconds)
    except FutureTimeoutError as error:
        asked.cancel()
        _hang_up(connection)
        raise CallFailed(f"no answer within {call.seconds:g} s") from error


@once
def _threads(service: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS_A_SERVICE, thread_name_prefix=service)


def _hang_up(connection: HTTPConnection) -> None:
    """End the wait of the thread that still reads, so that a trickling server keeps no thread busy."""
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _talk(connection: HTTPConnection, call: Call, path: str, give_up_at: float) -> Answered:
    try:
        with closing(connection):
            connection.connect()
            # Whoever waited is gone and found no socket to hang up: so nobody would end this but us.
            if monotonic() > give_up_at:
                raise CallFailed("connected too late")
            connection.request(call.method, path, body=call.body, headers=dict(call.headers))
            with connection.getresponse() as answer:
                return Answered(answer.status, _read(answer, call.most_bytes, give_up_at))
    except (OSError, HTTPException, ValueError) as error:
        raise CallFailed(type(error).__name__) from error


def _read(answer: HTTPResponse, most_bytes: int, give_up_at: float) -> bytes:
    body = b""
    while piece := answer.read1(PIECE_BYTES):
        body += piece
        if len(body) > most_bytes or monotonic() > give_up_at:
            raise CallFailed("the answer is too large or too slow")
    return body
