"""The sandbox behaves as Stripe documents it. Driven by Stripe's own SDK and by plain HTTP."""

import http.client
import json
from collections.abc import Callable

import pytest
import stripe

from tests.payments.sandbox_client import CHARGE, client, post
from tests.support.sandbox import Sandbox


@pytest.mark.parametrize("key", ["sk_live_wrong_kind_of_key"[3:], "pk_test_sandbox"])
def test_a_wrong_key_is_rejected(sandbox: Sandbox, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(sandbox, key).v1.payment_intents.retrieve("pi_1")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({**CHARGE, "amount": "49"}, "amount_too_small"),
        ({**CHARGE, "amount": ""}, "parameter_missing"),
        ({**CHARGE, "amount": "1e3"}, "parameter_invalid_integer"),
        ({**CHARGE, "payment_method": "pm_nothing"}, "resource_missing"),
        ({**CHARGE, "payment_method_types[0]": "card"}, "payment_method_types_no_longer_supported"),
    ],
)
def test_what_stripe_refuses_is_refused(sandbox: Sandbox, form: dict[str, str], code: str) -> None:
    status, _headers, document = post(sandbox, "/v1/payment_intents", form)

    assert (status, document["error"]["code"]) == (400, code)
    assert sandbox.ledger()["intents"] == {}


def test_an_intent_is_confirmed_in_a_second_call(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    intent = intents.create({"amount": 1000, "currency": "brl"})
    assert intent.status == "requires_payment_method"

    assert intents.confirm(intent.id, {"payment_method": "pm_card_mastercard"}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert refusal.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        intents.retrieve("pi_nothing")


def test_a_card_is_stored_as_a_token_without_its_number(sandbox: Sandbox) -> None:
    form = {
        "type": "card",
        "card[number]": "4242 4242 4242 4242",
        "card[exp_month]": "12",
        "card[exp_year]": "40",
        "card[cvc]": "123",
    }
    status, _headers, method = post(sandbox, "/v1/payment_methods", form, key=sandbox.publishable_key)

    assert status == 200
    assert "4242424242424242" not in json.dumps(method)
    assert post(sandbox, "/v1/payment_intents", {**CHARGE, "payment_method": method["id"]})[2]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("number", "status"),
    [("4000000000000002", 402), ("4000000000009995", 402), ("4000002500003155", 200), ("4111111111111111", 402)],
)
def test_cards_behave_as_documented(sandbox: Sandbox, number: str, status: int) -> None:
    form = {
        "type": "card",
        "card[number]": number,
        "card[exp_month]": "1",
        "card[exp_year]": "2040",
        "card[cvc]": "123",
    }
    method = post(sandbox, "/v1/payment_methods", form, key=sandbox.publishable_key)[2]
    charge = {**CHARGE, "payment_method": method["id"], "return_url": "https://shop.example/"}

    assert post(sandbox, "/v1/payment_intents", charge)[0] == status
    assert sandbox.ledger()["captured"] == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("number", "4242424242424241", "incorrect_number"),
        ("exp_month", "13", "invalid_expiry_month"),
        ("exp_year", "20", "invalid_expiry_year"),
        ("cvc", "12", "invalid_cvc"),
    ],
)
def test_a_mistyped_card_is_refused_at_its_field(sandbox: Sandbox, field: str, value: str, code: str) -> None:
    card = {"number": "4242424242424242", "exp_month": "12", "exp_year": "40", "cvc": "123", field: value}
    form = {"type": "card", **{f"card[{name}]": typed for name, typed in card.items()}}
    status, _headers, document = post(sandbox, "/v1/payment_methods", form, key=sandbox.publishable_key)

    assert (status, document["error"]["code"], document["error"]["param"]) == (402, code, field)


@pytest.mark.parametrize("end", [Sandbox.kill, Sandbox.stop])
def test_a_restart_forgets_nothing(sandbox_process: Callable[[], Sandbox], end: Callable[[Sandbox], None]) -> None:
    sandbox = sandbox_process()
    first = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    books = sandbox.ledger()

    end(sandbox)
    sandbox.start()

    assert sandbox.ledger() == books
    assert books["captured"] == 1000
    again = post(sandbox, "/v1/payment_intents", CHARGE, idempotency_key="a")
    assert again[2] == first[2]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert [event["type"] for event in sandbox.events()] == ["payment_intent.succeeded"]


def test_faults_strike_as_often_as_asked(sandbox: Sandbox) -> None:
    sandbox.fault("error", error_status=503, times=2, path="/v1/payment_intents", method="POST")

    assert [post(sandbox, "/v1/payment_intents", CHARGE)[0] for _ in range(3)] == [503, 503, 200]


def test_random_faults_are_reproducible_by_seed(sandbox: Sandbox) -> None:
    runs = []
    for _ in range(2):
        sandbox.no_faults()
        sandbox.fault("error", probability=0.5, seed=7)
        runs.append([post(sandbox, "/v1/payment_intents", CHARGE)[0] for _ in range(20)])

    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_a_misspelt_fault_is_refused(sandbox: Sandbox) -> None:
    status, _headers, document = post(sandbox, "/_sandbox/faults", {})
    assert status == 400
    assert "JSON" in document["error"]["message"]


@pytest.mark.parametrize(
    ("language", "words"), [("pt-BR,pt;q=0.9", "Confirme a compra"), ("en-US", "Confirm the purchase")]
)
def test_the_3d_secure_page_is_in_the_shoppers_language(sandbox: Sandbox, language: str, words: str) -> None:
    charge = {**CHARGE, "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example/"}
    intent = post(sandbox, "/v1/payment_intents", charge)[2]
    connection = http.client.HTTPConnection(sandbox.base_url.removeprefix("http://"), timeout=10)
    connection.request("GET", f"/_sandbox/3ds/{intent['id']}", headers={"Accept-Language": language})
    page = connection.getresponse().read().decode()
    connection.close()

    assert words in page
    assert "10,00" in page or "10.00" in page
