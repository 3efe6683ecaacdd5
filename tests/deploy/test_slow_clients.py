"""The image's web process among clients that are slow, silent or deaf: everyone else is answered as usual."""

import contextlib
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from cart import services as carts
from config.devstack import ports
from tests.deploy.test_graceful_stop import IN_FLIGHT, add_to_cart, wait_until_blocked
from tests.support import image
from tests.support.factories.inventory import ProductFactory
from tests.support.processes import database_url
from tests.support.slow_clients import A_LOT, BODY, HEAD, slow_clients
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 40
REQUEST_SECONDS = 4
LARGE_FILE = (
    b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n"
)
TOKEN = "a-token-for-prometheus"
HEADERS = {"X-Forwarded-Proto": "https", "Authorization": f"Bearer {TOKEN}"}


@dataclass
class Server:
    port: int
    process: "subprocess.Popen[bytes]"

    def get(self, path: str, seconds: float = 20) -> float:
        """How long a 200 took."""
        began = time.monotonic()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=HEADERS)
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            assert answer.status == 200
            answer.read()
        return time.monotonic() - began

    def slowest(self, path: str = "/help/", times: int = 12) -> float:
        return max(self.get(path) for _ in range(times))

    def dropped(self, why: str) -> float:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics", headers=HEADERS)
        with urllib.request.urlopen(request, timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return next(
            float(line.split()[1]) for line in lines if line.startswith(f'web_requests_dropped_total{{why="{why}"')
        )

    def say(self, text: bytes, *then: bytes) -> bytes:
        """The whole answer to what is sent piece by piece; the connection is closed by the server."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(text)
            for piece in then:
                time.sleep(0.2)
                client.sendall(piece)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        return answer


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    port = ports.choose()
    variables = image.environment(METRICS_TOKEN=TOKEN, REQUEST_SECONDS=str(REQUEST_SECONDS), STATIC_FROM_APPS="1")
    with image.running(image.web_command(port), variables, folder / "web.log") as process:
        image.wait_for_port(port, process)
        server = Server(port, process)
        # Both workers have loaded the shop.
        server.slowest()
        yield server


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("web")) as started:
        yield started


SLOW = {"bodies": BODY, "bodies, after 40 kB": BODY + b" " * A_LOT, "heads": HEAD, "silence": b""}


@pytest.mark.parametrize("what", SLOW)
def test_slow_requests_take_no_thread_and_end_at_the_deadline(server: Server, what: str) -> None:
    before = server.dropped("slow_request")
    with slow_clients(server.port, CLIENTS, SLOW[what], again=what != "silence") as slow:
        assert server.slowest() < REQUEST_SECONDS / 2
        assert server.slowest("/health/ready") < REQUEST_SECONDS / 2
        # A byte a second does not keep them alive: each is ended, not only the first.
        eventually(lambda: slow.cut >= CLIENTS, 3 * REQUEST_SECONDS)
        assert max(slow.seconds) < REQUEST_SECONDS + A_LOT / 32768 + 3
        assert server.slowest() < REQUEST_SECONDS / 2
    if what != "silence":
        assert set(slow.answers) == {b"HTTP/1.1 408 Request Timeout"}
        assert server.dropped("slow_request") - before >= CLIENTS


def test_probes_answer_while_every_thread_is_busy(server: Server) -> None:
    ProductFactory(sku="SKU-stop", stock=100)
    tokens, answers = [carts.create_cart().id for _ in range(IN_FLIGHT)], list[int]()
    with (
        psycopg.connect(database_url()) as holder,
        psycopg.connect(database_url(), autocommit=True) as watcher,
    ):
        holder.execute("SELECT 1 FROM cart_cart FOR UPDATE")
        shoppers = [threading.Thread(target=add_to_cart, args=(server.port, token, answers)) for token in tokens]
        for shopper in shoppers:
            shopper.start()
        wait_until_blocked(watcher, IN_FLIGHT // 2)
        for probe in ("/health/live", "/health/ready", "/metrics"):
            assert server.slowest(probe) < 2
        assert answers == []
        holder.rollback()
        for shopper in shoppers:
            shopper.join()
    assert answers == [201] * IN_FLIGHT


def test_deaf_clients_take_no_thread_for_longer_than_the_deadline(server: Server) -> None:
    """They ask for a large file again and again, and read nothing."""
    before = server.dropped("slow_reader")
    deaf = [socket.socket() for _ in range(IN_FLIGHT)]
    for client in deaf:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", server.port))
        client.sendall(LARGE_FILE * 10)
    # One that waits for a thread is next.
    eventually(lambda: server.dropped("slow_reader") - before >= IN_FLIGHT, 60)
    assert server.slowest() < REQUEST_SECONDS / 2
    for client in deaf:
        client.close()


def test_a_client_that_does_not_close_does_not_stop_the_loop(server: Server) -> None:
    """After `Connection: close` gunicorn waits in its loop, up to two seconds a client, for the client to close too."""
    page = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(page)
    assert server.slowest() < 2
    for client in clients:
        client.close()


def test_an_upload_that_is_slow_but_honest_arrives(server: Server) -> None:
    """Three times as long as a small request may take, at the rate that is promised."""
    size, pieces = 400_000, 24
    head = f"POST /language/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(f"{head}X-Forwarded-Proto: https\r\nContent-Type: application/octet-stream\r\n\r\n".encode())
        for _ in range(pieces):
            time.sleep(0.5)
            client.sendall(b"x" * (size // pieces + 1))
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403"), answer  # no CSRF token: Django has read it


def test_bodies_of_every_framing_arrive_whole(server: Server) -> None:
    post = (
        b"POST /api/v1/carts/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        b"Content-Type: application/json\r\n"
    )
    close = b"Connection: close\r\n"
    length = server.say(post + close + b"Content-Length: 2\r\n\r\n", b"{", b"}")
    chunks = server.say(post + close + b"Transfer-Encoding: chunked\r\n\r\n1\r", b"\n{\r\n1\r\n}\r\n", b"0\r\n\r\n")
    pipelined = server.say(post + b"Content-Length: 2\r\n\r\n{}" + post + close + b"Content-Length: 2\r\n\r\n{", b"}")
    asked = server.say(post + close + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"{}")
    assert length.startswith(b"HTTP/1.1 201")
    assert chunks.startswith(b"HTTP/1.1 201")
    assert pipelined.count(b"HTTP/1.1 201") == 2
    assert asked.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert asked.count(b"HTTP/1.1 201") == 1


def test_what_is_too_large_is_refused_before_it_comes(server: Server) -> None:
    before = server.dropped("too_large")
    announced = server.say(b"POST /language/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n")
    assert announced.startswith(b"HTTP/1.1 413")
    assert server.say(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000).startswith(b"HTTP/1.1 431")
    assert server.dropped("too_large") - before == 2


def test_nonsense_is_refused_at_once(server: Server) -> None:
    assert server.say(b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n").startswith(b"HTTP/1.1 400")
    assert server.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_the_number_of_unfinished_requests_is_bounded(server: Server) -> None:
    """More than there may be: the oldest make room, and a shopper is among the new ones."""
    before = server.dropped("crowded")
    with slow_clients(server.port, 1100, again=False) as slow:
        assert server.slowest() < REQUEST_SECONDS
        eventually(lambda: slow.cut >= 100, 10)
    assert server.dropped("crowded") - before >= 100


def test_a_stop_waits_for_nobody_who_has_sent_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port)):
        time.sleep(0.5)
        server.process.terminate()
        assert server.process.wait(10) == 0
