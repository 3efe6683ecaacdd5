"""nginx in front, with the configuration that operators get: what it keeps from the shop, and what it tells it."""

import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from config.devstack import ports
from config.devstack.data import DataFolder
from tests.cluster.haproxy import HAProxy
from tests.cluster.nginx import Nginx
from tests.support import image
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.sandbox import Sandbox
from tests.support.slow_clients import A_LOT, BODY, slow_clients
from tests.support.traffic import call, under_load
from tests.support.waiting import eventually

# Who comes from elsewhere than the shoppers, and than each other.
STRANGERS = ("127.0.0.2", "127.0.0.3")
OPEN_AT_ONCE = 100
LARGE = b"x" * 8_000_000


class Shop(ThreadingHTTPServer):
    """Answers with what it was sent, or with something large; keeps its threads busy as gunicorn would."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.busy = 0
        self.seen: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Conversation(BaseHTTPRequestHandler):
    server: Shop

    def handle_one_request(self) -> None:
        self.server.busy += 1
        try:
            super().handle_one_request()
        finally:
            self.server.busy -= 1

    def do_GET(self) -> None:
        self._answer(LARGE if self.path == "/large/" else b"{}")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self._answer(b'{"length": %d}' % length)

    def _answer(self, body: bytes) -> None:
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    yield server
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def before(shop: int, folder: Path, **options: Any) -> Iterator[Nginx]:
    front = Nginx(DataFolder(folder / "nginx"), shop, **options)
    with (folder / "nginx.log").open("wb") as log, front.running(log=log):
        yield front


@pytest.fixture
def front(shop: Shop, tmp_path: Path) -> Iterator[Nginx]:
    with before(shop.port, tmp_path) as started:
        yield started


@pytest.fixture
def behind_balancer(shop: Shop, tmp_path: Path) -> Iterator[Nginx]:
    with before(shop.port, tmp_path, balancer="127.0.0.1") as started:
        yield started


def ask(front: Nginx, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{front.url}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_request_reaches_the_shop_when_it_is_whole(front: Nginx, shop: Shop) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=20) as client:
        client.sendall(b"POST /api/ HTTP/1.1\r\nHost: shop\r\nContent-Length: 50000\r\n\r\n" + bytes(40_000))
        with pytest.raises(AssertionError):
            eventually(lambda: shop.busy > 0, 1)
        client.sendall(bytes(10_000))
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    chunked = b"POST /api/ HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", front.port), timeout=20) as client:
        client.sendall(chunked)
        client.recv(4096)
    assert [seen["content-length"] for seen in shop.seen] == ["50000", "2"]


def test_an_answer_leaves_the_shop_whoever_reads_it(front: Nginx, shop: Shop) -> None:
    with contextlib.closing(socket.socket()) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", front.port))
        deaf.sendall(b"GET /large/ HTTP/1.1\r\nHost: shop\r\n\r\n")
        eventually(lambda: bool(shop.seen), 10)
        eventually(lambda: shop.busy == 0, 10)


def test_one_client_has_so_many_requests_open_and_no_more(front: Nginx, shop: Shop) -> None:
    with slow_clients(front.port, 2 * OPEN_AT_ONCE, source=STRANGERS[0], again=False) as slow:
        eventually(lambda: slow.open == OPEN_AT_ONCE, 20)
        assert ask(front, "/api/")[0] == 200
        with contextlib.closing(socket.create_connection(("127.0.0.1", front.port), 20, (STRANGERS[0], 0))) as one_more:
            one_more.sendall(b"GET /api/ HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            answer = one_more.makefile("rb").read().decode()
    assert set(slow.answers) == {b"HTTP/1.1 429 Too Many Requests"}
    assert "Content-Type: application/problem+json" in answer
    assert "Retry-After: 2" in answer
    assert '"code": "rate_limited"' in answer
    assert len(shop.seen) == 1, "Only what a neighbour asked has reached the shop."


def test_a_line_of_ipv6_is_one_client(behind_balancer: Nginx) -> None:
    """Its addresses are without number: a /64 counts as one."""

    def from_address(address: str) -> bytes:
        return BODY.replace(b"Host:", b"X-Forwarded-For: %b\r\nHost:" % address.encode())

    with slow_clients(behind_balancer.port, 2 * OPEN_AT_ONCE, from_address("2001:db8:1:2::1"), again=False) as slow:
        headers = [{"X-Forwarded-For": address} for address in ("2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "10.1.1.1")]
        eventually(lambda: slow.open == OPEN_AT_ONCE, 20)
        assert [ask(behind_balancer, "/", **each)[0] for each in headers] == [429, 200, 200]
        assert slow.open == OPEN_AT_ONCE


def test_the_shop_is_told_the_address_and_not_what_a_stranger_claims(front: Nginx, shop: Shop) -> None:
    ask(front, "/", **{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    assert (shop.seen[-1]["x-forwarded-for"], shop.seen[-1]["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_a_load_balancer_is_believed(behind_balancer: Nginx, shop: Shop) -> None:
    ask(behind_balancer, "/", **{"X-Forwarded-For": "10.0.0.1, 203.0.113.9", "X-Forwarded-Proto": "https"})
    assert (shop.seen[-1]["x-forwarded-for"], shop.seen[-1]["x-forwarded-proto"]) == ("203.0.113.9", "https")


def test_probes_are_for_our_own_network(behind_balancer: Nginx) -> None:
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    assert ask(behind_balancer, "/health/ready")[0] == 200
    assert ask(behind_balancer, "/health/ready", **stranger)[0] == 404
    assert ask(behind_balancer, "/metrics")[0] == 404


def test_without_a_shop_apps_and_people_are_told_to_come_back(tmp_path: Path) -> None:
    with before(ports.choose(), tmp_path) as front:
        refused = call("POST", f"{front.url}/api/v1/carts/", {})
        assert (refused.status, refused.document["code"], refused.retry_after) == (503, "unavailable", "2")
        status, page = ask(front, "/cart/")
        assert status == 503
        assert "Voltamos em um instante" in page


@pytest.mark.django_db(transaction=True)
def test_shoppers_buy_at_their_usual_speed_beside_200_slow_clients(tmp_path: Path, sandbox: Sandbox) -> None:
    """nginx, HAProxy and the image's web process; the slow ones have sent 40 kB before they slow down."""
    flat_shipping()
    product = ProductFactory(stock=10_000)
    port = ports.choose()
    variables = image.environment(
        STRIPE_API_BASE=sandbox.base_url, STRIPE_SECRET_KEY=sandbox.secret_key, RATE_LIMITS="off", HTTPS="0"
    )
    haproxy = HAProxy(DataFolder(tmp_path / "haproxy"), [port, port])
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(image.running(image.web_command(port), variables, tmp_path / "web.log"))
        image.wait_for_port(port, web)
        stack.enter_context(haproxy.running(log=stack.enter_context((tmp_path / "haproxy.log").open("wb"))))
        front = stack.enter_context(before(haproxy.port, tmp_path))
        eventually(lambda: call("POST", f"{front.url}/api/v1/carts/", {}).status == 201, 60)
        load = stack.enter_context(under_load(front.url, product.sku))
        load.wait_for(12)
        # The first ones have warmed it up.
        warm = len(load.answers)
        load.wait_for(12)
        with contextlib.ExitStack() as strangers:
            usual = len(load.answers)
            slow = [
                strangers.enter_context(slow_clients(front.port, OPEN_AT_ONCE, BODY + b" " * A_LOT, source))
                for source in STRANGERS
            ]
            load.wait_for(12)
            among = len(load.answers)
            assert [each.open for each in slow] == [OPEN_AT_ONCE, OPEN_AT_ONCE]
    assert {status for _step, status in Counter(load.statuses())} <= {200, 201}, load.statuses()
    without = median(answer.seconds for answer in load.answers[warm:usual])
    beside = median(answer.seconds for answer in load.answers[usual:among])
    assert beside < 2 * without
