"""The lookup of a postal code's street: over real HTTP, and never an obstacle to a sale."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from config.db.locks import NetworkCallInTransaction
from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from shipping import address_lookup
from shipping.address_lookup import MAX_ANSWER_BYTES, AddressHint, look_up
from shipping.exceptions import PostalCodeUnknown
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
BRASILAPI = {
    "cep": "01310200", "state": "SP", "city": "São Paulo", "neighborhood": "Bela Vista", "street": "Avenida Paulista",
    "service": "open-cep", "location": {"type": "Point", "coordinates": {}},
}  # fmt: skip
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

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

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
    names = ("postal_codes", "postal_codes_second")
    for name in names:
        breaker(name).close()
    yield
    for name in names:
        breaker(name).close()


@contextmanager
def running() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def service(settings) -> Iterator[Service]:
    with running() as server:
        settings.POSTAL_CODE_API_BASE = server.base
        yield server


@pytest.fixture
def second(settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """BrasilAPI, which knows the code. Both get longer than a second: they share a busy machine."""
    monkeypatch.setattr(address_lookup, "LOOKUP_SECONDS", 30.0)
    with running() as server:
        settings.POSTAL_CODE_SECOND_API_BASE = server.base
        server.body = json.dumps(BRASILAPI).encode()
        yield server


def test_the_service_fills_in_the_address_and_is_called_once(service):
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


def test_a_code_of_no_state_is_not_looked_up(service):
    with pytest.raises(PostalCodeUnknown):
        look_up("78950000")
    assert service.asked == []


def test_a_town_with_one_code_has_no_street(service):
    service.body = json.dumps({**PAULISTA, "localidade": "Tiradentes", "bairro": "", "logradouro": ""}).encode()
    hint = look_up("36325000")
    assert hint == AddressHint("36325000", "MG", "Tiradentes")
    assert (hint.is_town_wide, hint.is_precise) == (True, False)
    assert (KNOWN.is_town_wide, KNOWN.is_precise) == (False, True)
    assert (ONLY_STATE.is_town_wide, ONLY_STATE.is_precise) == (False, False)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b'{"erro": "true"}'), (200, b'{"erro": true}'), (404, b""), (400, b"<h1>Bad</h1>")]
)
def test_an_unknown_code_is_an_answer_and_is_cached(service, status, body):
    service.status, service.body = status, body
    for _ in range(2):
        with pytest.raises(PostalCodeUnknown):
            look_up("01310200")
    assert len(service.asked) == 1


@pytest.mark.parametrize(("knows", "days"), [(True, 30), (False, 1)])
def test_a_known_street_is_kept_for_a_month_and_an_unknown_code_for_a_day(service, knows: bool, days: int):
    if not knows:
        service.body = b'{"erro": "true"}'
    with suppress(PostalCodeUnknown):
        look_up("01310200")
    kept = cache.ttl("postal_codes:01310200")  # type: ignore[attr-defined]
    assert 0.8 * days * 86_400 < kept <= days * 86_400, "lifetimes are jittered"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (429, b"{}"),
        (302, b"{}"),
        (403, b"<h1>Forbidden</h1>"),
        (200, b"{}"),
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
    service.seconds = 20
    with at_most(8):
        assert look_up("01310200") == ONLY_STATE


def test_a_trickling_service_times_out_and_holds_no_thread(service):
    service.trickle = True
    with at_most(8):
        assert look_up("01310200") == ONLY_STATE
    service.trickle = False
    with at_most(5):
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


class TestTheSecondService:
    def test_it_is_asked_only_if_the_first_does_not_know(self, service: Service, second: Service) -> None:
        assert look_up("01310200") == KNOWN
        assert second.asked == []

    @pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"body": b"<html>"}])
    def test_it_answers_if_the_first_is_away(self, service: Service, second: Service, fault: dict[str, Any]) -> None:
        for name, value in fault.items():
            setattr(service, name, value)
        assert look_up("01310200") == KNOWN
        assert second.asked == ["/api/cep/v2/01310200"]
        assert look_up("01310200") == KNOWN
        assert len(second.asked) == 1, "its answer is kept as well"

    def test_it_answers_if_the_first_is_silent(
        self, service: Service, second: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(address_lookup, "LOOKUP_SECONDS", 3.0)
        service.seconds = 60
        assert look_up("01310200") == KNOWN

    def test_it_answers_what_the_first_does_not_know(self, service: Service, second: Service) -> None:
        service.body = b'{"erro": "true"}'
        assert look_up("01310200") == KNOWN

    def test_a_town_with_one_code(self, service: Service, second: Service) -> None:
        service.status = 500
        second.body = json.dumps({**BRASILAPI, "neighborhood": None, "street": None, "city": "Tiradentes"}).encode()
        assert look_up("36325000") == AddressHint("36325000", "MG", "Tiradentes")

    def test_both_away(self, service: Service, second: Service) -> None:
        service.status = second.status = 500
        assert look_up("01310200") == ONLY_STATE
        service.status = 200
        assert look_up("01310200") == KNOWN, "a failure is not kept"

    @pytest.mark.parametrize("first_knows_nothing", [True, False])
    def test_neither_knows(self, service: Service, second: Service, first_knows_nothing: bool) -> None:
        service.status, service.body = (200, b'{"erro": true}') if first_knows_nothing else (500, b"")
        causes = [{"service": "viacep", "message": "CEP NAO ENCONTRADO"}]
        second.status, second.body = 404, json.dumps({"type": "service_error", "errors": causes}).encode()
        with pytest.raises(PostalCodeUnknown):
            look_up("01310200")
        assert breaker("postal_codes_second").status.failures == 0

    @pytest.mark.parametrize("causes", [[{"message": "Erro ao se conectar com o serviço ViaCEP."}], [], None, ["x"], 7])
    def test_its_404_without_a_cause_is_no_answer(self, service: Service, second: Service, causes: Any) -> None:
        service.status = 500
        second.status, second.body = 404, json.dumps({"type": "service_error", "errors": causes}).encode()
        assert look_up("01310200") == ONLY_STATE

    def test_one_that_knows_nothing_is_believed_while_the_other_is_away(
        self, service: Service, second: Service
    ) -> None:
        service.body, second.status = b'{"erro": "true"}', 500
        with pytest.raises(PostalCodeUnknown):
            look_up("01310200")

    def test_two_silent_ones_cost_two_seconds(
        self, service: Service, second: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(address_lookup, "LOOKUP_SECONDS", 1.0)
        service.seconds = second.seconds = 60
        with at_most(20):
            assert look_up("01310200") == ONLY_STATE

    def test_an_open_circuit_costs_nothing(self, service: Service, second: Service) -> None:
        service.status = 500
        for number in range(FAILURES_BEFORE_OPENING):
            look_up(f"0131020{number}")
        assert breaker("postal_codes").state == "open"
        asked = len(service.asked)
        assert look_up("01310209") == replace(KNOWN, postal_code="01310209")
        assert len(service.asked) == asked


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
