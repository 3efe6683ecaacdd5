"""Which requests HAProxy retries, with the configuration that operators get."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.devstack.data import DataFolder
from tests.cluster.haproxy import HAProxy
from tests.support.traffic import call
from tests.support.waiting import eventually


class Web(ThreadingHTTPServer):
    """A minimal web server. With `dies` it reads a request and closes the connection without a response."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.dies = self.unready = False
        self.got: Counter[str] = Counter()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Conversation(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        if self.path.startswith("/health"):
            self._answer(503 if self.server.unready else 200)
            return
        self.do_POST()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got[self.command] += 1
        if not self.server.dies:
            self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def webs() -> Iterator[list[Web]]:
    servers = [Web(), Web()]
    yield servers
    for server in servers:
        with contextlib.suppress(OSError):
            server.end()


@pytest.fixture
def shop(tmp_path: Path, webs: list[Web]) -> Iterator[str]:
    haproxy = HAProxy(DataFolder(tmp_path / "haproxy"), [web.port for web in webs])
    with (tmp_path / "log").open("wb") as log, haproxy.running(log=log):
        eventually(lambda: call("GET", f"{haproxy.url}/api/").status == 200, 10)
        for web in webs:
            web.got.clear()
        yield haproxy.url


def test_a_request_that_was_sent_is_retried_only_if_it_is_safe(shop: str, webs: list[Web]) -> None:
    webs[0].dies = True
    assert {call("GET", f"{shop}/api/").status for _ in range(8)} == {200}
    assert webs[0].got["GET"] > 0
    answers = Counter(call("POST", f"{shop}/api/", {}).status for _ in range(8))
    # Each POST reached one server, once: the app gets an error for what the dying one took, and retries.
    assert answers == {200: webs[1].got["POST"], 502: webs[0].got["POST"]}
    assert answers[502] > 0
    assert answers.total() == 8


def test_a_request_that_was_never_sent_goes_to_the_other_server(shop: str, webs: list[Web]) -> None:
    webs[0].end()
    assert {call("POST", f"{shop}/api/", {}).status for _ in range(8)} == {200}


def test_while_no_server_is_ready_apps_get_retry_after(shop: str, webs: list[Web]) -> None:
    for web in webs:
        web.unready = True
    eventually(lambda: call("POST", f"{shop}/api/", {}).status == 503, 10)
    refused = call("POST", f"{shop}/api/", {})
    assert (refused.document["code"], refused.retry_after) == ("unavailable", "2")
    for web in webs:
        web.unready = False
    eventually(lambda: call("POST", f"{shop}/api/", {}).status == 200, 10)
