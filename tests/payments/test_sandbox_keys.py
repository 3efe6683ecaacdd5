"""Idempotency keys in the sandbox are kept as Stripe keeps them."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import stripe

from payments.sandbox import api
from payments.sandbox.faults import Faults, parse
from payments.sandbox.store import Store
from tests.payments.sandbox_client import CHARGE, client, pay, post
from tests.support.sandbox import Sandbox

DAY = 86_400


@pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_chargeDeclined"])
def test_the_same_key_replays_the_first_answer(sandbox: Sandbox, token: str) -> None:
    form = {**CHARGE, "payment_method": token}
    first = post(sandbox, "/v1/payment_intents", form, idempotency_key="a")
    second = post(sandbox, "/v1/payment_intents", form, idempotency_key="a")

    assert (second[0], second[2]) == (first[0], first[2])
    assert "Idempotent-Replayed" not in first[1]
    assert second[1]["Idempotent-Replayed"] == "true"
    assert sum(sandbox.ledger()["intents"].values()) == 1


def test_the_same_key_with_other_parameters_is_an_error(sandbox: Sandbox) -> None:
    post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    status, _headers, document = post(sandbox, "/v1/payment_intents", {**CHARGE, "amount": "1001"}, idempotency_key="a")

    assert (status, document["error"]["type"]) == (400, "idempotency_error")
    with pytest.raises(stripe.IdempotencyError):
        client(sandbox).v1.payment_intents.create({"amount": 999, "currency": "brl"}, {"idempotency_key": "a"})


def test_a_refused_request_does_not_use_up_its_key(sandbox: Sandbox) -> None:
    assert post(sandbox, "/v1/payment_intents", {**CHARGE, "amount": "x"}, idempotency_key="a")[0] == 400
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")[0] == 200


def test_a_key_that_is_in_flight_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.fault("slow", latency_ms=600, times=1)
    statuses: list[int] = []

    def charge() -> None:
        statuses.append(post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")[0])

    slow = threading.Thread(target=charge)
    slow.start()
    time.sleep(0.2)
    charge()
    slow.join()

    assert statuses == [409, 200]
    assert sandbox.ledger()["captured"] == 1000


def test_simultaneous_requests_with_one_key_charge_once(sandbox: Sandbox) -> None:
    def charge() -> None:
        post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")

    threads = [threading.Thread(target=charge) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sandbox.ledger()["captured"] == 1000


@pytest.mark.parametrize(("after", "captured"), [(False, 0), (True, 1000)])
def test_a_500_that_struck_after_work_began_is_kept(sandbox: Sandbox, after: bool, captured: int) -> None:
    sandbox.fault("error", error_status=500, kept=True, after=after, times=1)
    first = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    again = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")

    assert (first[0], again[0], again[2]) == (500, 500, first[2])
    assert "Idempotent-Replayed" not in first[1]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert sandbox.ledger()["captured"] == captured
    assert len(sandbox.events()) == captured / 1000
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="b")[0] == 200


@pytest.mark.parametrize("after", [False, True])
def test_a_500_of_what_stands_before_the_api_is_not_kept(sandbox: Sandbox, after: bool) -> None:
    sandbox.fault("error", error_status=500, after=after, times=1)
    first = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    again = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")

    assert (first[0], again[0]) == (500, 200)
    assert ("Idempotent-Replayed" in again[1]) is after
    assert sandbox.ledger()["captured"] == 1000


def test_a_kept_500_is_forgotten_after_a_day(sandbox: Sandbox) -> None:
    sandbox.fault("error", kept=True, times=1)
    post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")

    sandbox.advance_clock(DAY - 60)
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")[0] == 500
    sandbox.advance_clock(120)
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")[0] == 200


def test_a_key_of_yesterday_charges_again(sandbox: Sandbox) -> None:
    post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    sandbox.advance_clock(DAY + 60)
    status, headers, _document = post(sandbox, "/v1/payment_intents", {**CHARGE, "amount": "900"}, idempotency_key="a")

    assert status == 200
    assert "Idempotent-Replayed" not in headers
    assert sandbox.ledger()["captured"] == 1900


def test_invalid_parameters_are_not_kept_even_if_work_would_fail(sandbox: Sandbox) -> None:
    sandbox.fault("error", kept=True, times=1)
    assert post(sandbox, "/v1/payment_intents", {**CHARGE, "amount": "x"}, idempotency_key="a")[0] == 400
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")[0] == 200


def test_a_kept_failure_of_a_cancel_is_replayed_until_the_key_changes(sandbox: Sandbox) -> None:
    intent = pay(sandbox, capture_method="manual")
    sandbox.fault("error", kept=True, path="/v1/payment_intents/", times=1)
    intents = client(sandbox).v1.payment_intents
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            intents.cancel(intent.id, {}, {"idempotency_key": "void"})

    assert intents.cancel(intent.id, {}, {"idempotency_key": "void2"}).status == "canceled"


def test_a_failure_of_the_sandbox_itself_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_arguments: Any) -> Any:
        raise RuntimeError

    provider = api.Api(Store(tmp_path), Faults(parse))
    request = api.Request("POST", "/v1/payment_intents", "", "amount=1000&currency=brl", "Bearer sk_test_a", "a")
    with monkeypatch.context() as broken:
        broken.setattr(api, "_route", lambda _request: (break_down, ()))
        assert provider.answer(request, "").status == 500

    again = provider.answer(request, "")
    assert (again.status, again.replayed) == (500, True)


def test_only_an_error_can_be_kept_and_keys_are_bounded(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="400"):
        sandbox.fault("hang", kept=True)
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a" * 256)[0] == 400
    assert post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a" * 255)[0] == 200
