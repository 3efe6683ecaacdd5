"""The stand-in carrier follows the real one's contract."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support.carrier import StandInCarrier
from tests.support.orders import eventually

QUESTION = {
    "from": {"postal_code": "01001000"},
    "to": {"postal_code": "69005-010"},
    "products": [
        {"id": "1", "width": 25, "height": 2, "length": 30, "weight": 0.2, "insurance_value": 79.9, "quantity": 1}
    ],
    "options": {"receipt": False, "own_hand": False},
}


def _ask(carrier: StandInCarrier, question: Any = QUESTION, **headers: str) -> tuple[int, Any]:
    sent = {
        "Authorization": f"Bearer {carrier.token}",
        "Accept": "application/json",
        "User-Agent": "Esteira (tech@esteira.example)",
        **headers,
    }
    request = urllib.request.Request(
        f"{carrier.base_url}/api/v2/me/shipment/calculate", json.dumps(question).encode(), sent
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_prices_are_strings_and_refusals_are_listed_with_them(carrier: StandInCarrier):
    status, services = _ask(carrier)
    assert status == 200
    assert [(service["id"], service.get("price"), service.get("delivery_range")) for service in services[:2]] == [
        (1, "41.03", {"min": 13, "max": 14}),
        (2, "77.48", {"min": 4, "max": 5}),
    ]
    assert [service["id"] for service in services if "error" in service] == [31]


def test_only_the_requested_services(carrier: StandInCarrier):
    assert [service["id"] for service in _ask(carrier, {**QUESTION, "services": "2, 17"})[1]] == [2, 17]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer unscoped"}, 403),
        ({"User-Agent": "Esteira"}, 400),
        ({"Accept": "text/html"}, 400),
    ],
)
def test_headers_are_required(carrier: StandInCarrier, headers: dict[str, str], status: int):
    assert _ask(carrier, **headers)[0] == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": {}}, "to.postal_code"),
        ({"from": None}, "from.postal_code"),
        ({"products": []}, "products"),
        ({"products": [{**QUESTION["products"][0], "weight": "0.2"}]}, "products.0.weight"),  # type: ignore[index]
        ({"products": [{**QUESTION["products"][0], "height": -1}]}, "products.0.height"),  # type: ignore[index]
    ],
)
def test_an_invalid_field_is_named(carrier: StandInCarrier, change: dict[str, Any], field: str):
    status, answer = _ask(carrier, {**QUESTION, **change})
    assert (status, list(answer["errors"])) == (422, [field])
    assert _ask(carrier, ["no object"])[0] == 422


def test_a_fault_strikes_as_often_as_requested(carrier: StandInCarrier):
    carrier.fault("error", error_status=429, times=2)
    assert [_ask(carrier)[0] for _ in range(3)] == [429, 429, 200]
    assert carrier.calls == 3


def test_a_misspelt_fault_is_refused(carrier: StandInCarrier):
    for fields in ({"kind": "earthquake"}, {"kind": "error", "status": 500}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            carrier.fault(**fields)
        with refused.value:
            assert refused.value.code == 400


def test_a_closed_port_opens_again(carrier: StandInCarrier):
    carrier.fault("refused", seconds=0.5)
    # A connection in the backlog when the port closed is reset; later ones are refused.
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        _ask(carrier)
    eventually(lambda: _answers(carrier))


def _answers(carrier: StandInCarrier) -> bool:
    try:
        return _ask(carrier)[0] == 200
    except (urllib.error.URLError, ConnectionError):
        return False
