"""Calls to outside services end at their deadline, and one hanging service does not block another."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from config.resilience.http import THREADS_PER_SERVICE, Call, CallFailed, Response, send
from tests.support.carrier import StandInCarrier, at_most


@pytest.fixture
def call(carrier: StandInCarrier) -> Call:
    return Call(service="test", base=carrier.base_url, path="/api/anything", seconds=0.5, max_bytes=1_000)


def test_any_status_is_an_answer(call: Call):
    assert send(call).status == 401
    assert send(replace(call, path="/_sandbox/faults")) == Response(200, b'{"faults": []}')


def test_a_hanging_service_takes_no_thread_from_another(carrier: StandInCarrier, call: Call):
    carrier.fault("hang", path="/api/")
    waiting = replace(call, seconds=1.5)
    with ThreadPoolExecutor(THREADS_PER_SERVICE) as shoppers:
        hanging = [shoppers.submit(send, waiting) for _ in range(THREADS_PER_SERVICE)]
        with at_most(0.8):
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
