"""The lookup of a postal code's street: over real HTTP, and never an obstacle to a sale."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection, transaction

from config.db.locks import NetworkCallInTransaction
from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from shipping.postal_codes import MAX_ANSWER_BYTES, AddressHint, look_up
from shipping.services import options
from tests.support.carrier import at_most
from tests.support.factories.shipping import load_rates, parcel

PAULISTA = {
    "cep": "01310-200",
    "logradouro": "Avenida Paulista",
    "bairro": "Bela Vista",
    "localidade": "São Paulo",
    "uf": "SP",
}
KNOWN = AddressHint("01310200", "SP", "São Paulo", "Bela Vista", "Avenida Paulista")
ONLY_STATE = AddressHint("01310200", "SP")


class Service(ThreadingHTTPServer):
    """Implements ViaCEP's API; `status`, `body`, `seconds` and `trickle` inject faults."""

    daemon_threads = True
    status = 200
    body = json.dumps(PAULISTA).encode()
    seconds = 0.0
    trickle = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    def handle_error(self, request, client_address) -> None:
        """Ignore that the client disconnected: some of these tests are about that."""


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.seconds)
        if self.server.trickle:
            for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 100:
                self.wfile.write(bytes([letter]))
                time.sleep(0.1)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def closed_breaker() -> Iterator[None]:
    breaker("postal_codes").close()
    yield
    breaker("postal_codes").close()


@pytest.fixture
def service(settings) -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.POSTAL_CODE_API_BASE = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_service_fills_in_the_address_and_is_called_once_a_day(service):
    assert look_up("01310200") == KNOWN
    assert look_up("01310200") == KNOWN
    assert service.asked == ["/ws/01310200/json/"]


def test_a_base_with_a_path_is_kept(service, settings):
    settings.POSTAL_CODE_API_BASE += "/mirror/"
    look_up("01310200")
    assert service.asked == ["/mirror/ws/01310200/json/"]


def test_without_a_service_only_the_state_is_filled_in(settings):
    settings.POSTAL_CODE_API_BASE = ""
    assert look_up("01310200") == ONLY_STATE
    assert look_up("78950000") == AddressHint("78950000")


def test_a_code_of_no_state_is_not_looked_up(service):
    assert look_up("78950000") == AddressHint("78950000")
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "body"), [(200, b'{"erro": "true"}'), (200, b'{"erro": true}'), (404, b""), (400, b"<h1>Bad</h1>")]
)
def test_an_unknown_code_is_an_answer_and_is_cached(service, status, body):
    service.status, service.body = status, body
    assert look_up("01310200") == ONLY_STATE
    assert look_up("01310200") == ONLY_STATE
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (429, b"{}"),
        (302, b"{}"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"\xff\xfe"),
        (200, b"[" * 10_000),
        (200, b'{"logradouro": "' + b"a" * MAX_ANSWER_BYTES + b'"}'),
    ],
)
def test_a_broken_answer_yields_the_state_and_is_not_cached(service, status, body):
    service.status, service.body = status, body
    assert look_up("01310200") == ONLY_STATE
    service.status, service.body = 200, Service.body
    assert look_up("01310200") == KNOWN


def test_the_services_texts_are_cleaned(service):
    service.body = json.dumps({"localidade": "São\x00 Paulo\n", "bairro": 7, "logradouro": "x" * 999}).encode()
    hint = look_up("01310200")
    assert (hint.city, hint.district, len(hint.street or "")) == ("São Paulo", None, 120)


def test_the_range_decides_the_state_whatever_the_service_says(service):
    service.body = json.dumps({**PAULISTA, "uf": "RJ"}).encode()
    assert look_up("01310200").state == "SP"


def test_a_silent_service_times_out_after_a_second(service):
    service.seconds = 1.8
    with at_most(1.3):
        assert look_up("01310200") == ONLY_STATE


def test_a_trickling_service_times_out_and_holds_no_thread(service):
    service.trickle = True
    with at_most(1.3):
        assert look_up("01310200") == ONLY_STATE
    service.trickle = False
    with at_most(0.5):
        assert look_up("01310100").city == "São Paulo"


def test_a_refused_connection_costs_nothing_and_the_circuit_opens(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.POSTAL_CODE_API_BASE = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for number in range(FAILURES_BEFORE_OPENING):
            assert look_up(f"0131020{number}").city is None
        assert breaker("postal_codes").state == "open"
        unused.listen()
        unused.setblocking(False)
        assert look_up("01310200") == ONLY_STATE
        with pytest.raises(BlockingIOError):
            unused.accept()


def test_an_unknown_host_is_like_a_service_that_is_down(settings):
    settings.POSTAL_CODE_API_BASE = "http://nobody.invalid"
    assert look_up("01310200") == ONLY_STATE


@pytest.mark.django_db(transaction=True)
def test_the_network_is_not_called_inside_a_transaction(service):
    with transaction.atomic(), pytest.raises(NetworkCallInTransaction):
        look_up("01310200")
    assert service.asked == []


@pytest.mark.django_db
def test_freight_needs_no_lookup(service):
    service.status = 500
    load_rates()
    assert options(parcel(), "01310200")
    assert service.asked == []
    assert not connection.needs_rollback
