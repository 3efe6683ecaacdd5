"""Stripe's connections: kept, replaced without a second charge when Stripe closes them, and through a proxy."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from payments.gateways import gateway, stripe_http
from payments.gateways.base import Outcome
from tests.payments.requests import a_charge
from tests.support.keeping_server import KeepingServer, keeping_server
from tests.support.sandbox import close_breakers

pytestmark = pytest.mark.django_db

PAID = json.dumps({
    "id": "pi_1", "object": "payment_intent", "currency": "brl", "status": "succeeded", "amount_received": 1000,
}).encode()  # fmt: skip


@pytest.fixture
def stripe_server(settings: Any) -> Iterator[KeepingServer]:
    with keeping_server(PAID) as server:
        settings.STRIPE_API_BASE = server.url
        # Gateways are kept by their settings: this one has connections and a proxy of its own.
        settings.STRIPE_SECRET_KEY = f"sk_test_{uuid4().hex}"
        close_breakers()
        yield server
        close_breakers()


def charge() -> Outcome:
    return gateway().authorize(a_charge())


def connections(server: KeepingServer) -> list[int]:
    return [request.connection for request in server.received]


def test_the_next_call_takes_the_same_connection_in_whichever_thread(stripe_server: KeepingServer) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(charge).result().kind == "approved"
    assert connections(stripe_server) == [1, 1, 1]


def test_one_that_was_closed_meanwhile_is_replaced(stripe_server: KeepingServer) -> None:
    charge()
    stripe_server.close_idle()
    time.sleep(0.1)
    assert charge().kind == "approved"
    assert connections(stripe_server) == [1, 2]


def test_one_that_closes_as_it_is_used_is_replaced_under_the_same_key(stripe_server: KeepingServer) -> None:
    charge()
    stripe_server.hang_ups = 1
    assert charge().kind == "approved"
    assert connections(stripe_server) == [1, 1, 2]
    _first, lost, again = stripe_server.received
    assert lost.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert (lost.path, lost.body) == (again.path, again.body)


def test_a_new_one_that_is_closed_leaves_the_outcome_unknown(stripe_server: KeepingServer) -> None:
    stripe_server.hang_ups, stripe_server.only_kept = 1, False
    assert charge().kind == "unknown"
    assert len(stripe_server.received) == 1


def test_what_fails_after_a_while_is_not_sent_again(
    stripe_server: KeepingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be under way: an attempt without an answer is looked up."""
    monkeypatch.setattr(stripe_http, "AT_ONCE_SECONDS", 0.1)
    charge()
    stripe_server.hang_ups, stripe_server.delay = 1, 0.3
    assert charge().kind == "unknown"
    assert len(stripe_server.received) == 2


def test_a_second_failure_is_the_last(stripe_server: KeepingServer) -> None:
    charge()
    stripe_server.hang_ups, stripe_server.only_kept = 5, False
    assert charge().kind == "unknown"
    assert len(stripe_server.received) == 3


def test_a_second_try_that_is_refused_does_not_say_that_nothing_was_sent(stripe_server: KeepingServer) -> None:
    """The first may have been carried out: the order must not be cancelled as if nobody had been charged."""
    charge()
    stripe_server.hang_ups = 1
    stripe_server.refuse_new()
    assert charge().kind == "unknown"
    assert len(stripe_server.received) == 2


def test_nor_does_one_that_is_limited(stripe_server: KeepingServer) -> None:
    charge()
    stripe_server.hang_ups, stripe_server.status = 1, 429
    assert charge().kind == "unknown"
    assert len(stripe_server.received) == 3


def test_a_proxy_of_the_environment_counts(
    stripe_server: KeepingServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", stripe_server.url.replace("//", "//ana:a%21@"))
    settings.STRIPE_API_BASE = "http://api.stripe.example"
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert charge().kind == "approved"
    [request] = stripe_server.received
    assert request.path == "http://api.stripe.example/v1/payment_intents"
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["proxy-authorization"] == f"Basic {base64.b64encode(b'ana:a!').decode()}"


def test_except_for_what_no_proxy_names(stripe_server: KeepingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert charge().kind == "approved"
