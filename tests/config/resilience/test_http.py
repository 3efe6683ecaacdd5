"""Calls to outside services end at their deadline, and one hanging service does not block another."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from config.resilience import http
from config.resilience.http import THREADS_PER_SERVICE, Call, CallFailed, Response, send
from tests.support.carrier import StandInCarrier, at_most
from tests.support.keeping_server import KeepingServer, keeping_server


@pytest.fixture
def call(carrier: StandInCarrier) -> Call:
    return Call(service="test", base=carrier.base_url, path="/api/anything", seconds=0.5, max_bytes=1_000)


def test_any_status_is_an_answer(call: Call):
    assert send(call).status == 401
    assert send(replace(call, path="/_sandbox/faults")) == Response(200, b'{"faults": []}')


def test_a_hanging_service_takes_no_thread_from_another(carrier: StandInCarrier, call: Call):
    carrier.fault("hang", path="/api/")
    waiting = replace(call, seconds=3.0)
    with ThreadPoolExecutor(THREADS_PER_SERVICE) as shoppers:
        hanging = [shoppers.submit(send, waiting) for _ in range(THREADS_PER_SERVICE)]
        with at_most(2.7):
            assert send(replace(call, service="another", path="/_sandbox/faults")).status == 200
        assert all(isinstance(future.exception(), CallFailed) for future in hanging)


def test_an_oversized_response_is_a_failure(carrier: StandInCarrier, call: Call):
    carrier.fault("garbage", body="x" * 1_000, times=1)
    assert len(send(call).body) == 1_000
    carrier.fault("garbage", body="x" * 1_001, times=1)
    with pytest.raises(CallFailed):
        send(call)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://nobody.invalid"])
def test_an_unreachable_host(call: Call, base: str):
    with pytest.raises(CallFailed):
        send(replace(call, base=base))


def test_an_invalid_header(call: Call):
    with pytest.raises(CallFailed):
        send(replace(call, headers={"Authorization": "two\nlines"}))


class TestKeptConnections:
    @pytest.fixture
    def server(self) -> Iterator[KeepingServer]:
        with keeping_server(b"{}") as running:
            yield running
            while kept := http._idle("test", "http", running.url.removeprefix("http://")).take():
                kept.close()

    @pytest.fixture
    def call(self, server: KeepingServer) -> Call:
        return Call(service="test", base=server.url, path="/prices", seconds=2.0, max_bytes=1_000)

    def test_the_next_call_takes_the_same_connection(self, server: KeepingServer, call: Call) -> None:
        question = replace(call, method="POST", body=b"parcel", repeatable=True)
        assert [send(each).body for each in (call, question, call)] == [b"{}"] * 3
        assert [request.connection for request in server.received] == [1, 1, 1]
        assert [request.body for request in server.received] == [b"", b"parcel", b""]

    def test_as_many_as_there_are_threads(self, server: KeepingServer, call: Call) -> None:
        with ThreadPoolExecutor(2 * THREADS_PER_SERVICE) as shoppers:
            assert [answer.status for answer in shoppers.map(send, [call] * 40)] == [200] * 40
        assert server.connections <= THREADS_PER_SERVICE

    def test_one_that_was_closed_meanwhile_is_replaced(self, server: KeepingServer, call: Call) -> None:
        send(call)
        server.close_idle()
        time.sleep(0.1)
        assert send(call).status == 200
        assert [request.connection for request in server.received] == [1, 2]

    def test_one_that_closes_as_it_is_used_is_replaced(self, server: KeepingServer, call: Call) -> None:
        send(call)
        server.hang_ups = 1
        assert send(call).status == 200
        assert [request.connection for request in server.received] == [1, 1, 2]

    def test_what_may_not_be_repeated_gets_a_new_one(self, server: KeepingServer, call: Call) -> None:
        send(call)
        server.hang_ups = 1
        assert send(replace(call, method="POST", body=b"order")).status == 200
        assert [request.connection for request in server.received] == [1, 2]

    def test_a_new_one_that_is_closed_is_a_failure(self, server: KeepingServer, call: Call) -> None:
        server.hang_ups, server.only_kept = 1, False
        with pytest.raises(CallFailed):
            send(call)
        assert len(server.received) == 1

    def test_the_deadline_is_that_of_both_tries(self, server: KeepingServer, call: Call) -> None:
        send(call)
        server.hang_ups, server.delay = 1, 2.0
        with at_most(1.9), pytest.raises(CallFailed):
            send(replace(call, seconds=1.0))
        time.sleep(1.5)
        assert len(server.received) == 2, "nobody waits for a second try"

    def test_one_that_was_idle_for_long_is_not_used(
        self, server: KeepingServer, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "KEPT_SECONDS", 0.0)
        for _ in range(2):
            send(call)
        assert [request.connection for request in server.received] == [1, 2]

    def test_a_response_that_is_cut_off_is_a_failure(self, server: KeepingServer, call: Call) -> None:
        server.announced = 10
        with pytest.raises(CallFailed, match="cut off"):
            send(call)
