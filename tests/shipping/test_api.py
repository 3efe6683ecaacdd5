"""GET postal-codes/{cep}/, and the look-up services' stand-in behind it."""

import urllib.error
import urllib.request
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from shipping.address_lookup import look_up
from shipping.exceptions import PostalCodeUnknown
from shipping.postal_codes import STATE_RANGES
from shipping.sandbox import postal_codes as stand_in
from tests.support.api import App, assert_problem
from tests.support.carrier import StandInCarrier

pytestmark = pytest.mark.django_db

PAULISTA = {
    "postal_code": "01310200", "street": "Avenida Paulista", "district": "Bela Vista", "city": "São Paulo",
    "state": "SP", "precise": True,
}  # fmt: skip
NOTHING_KNOWN = {**PAULISTA, "street": "", "district": "", "city": "", "precise": False}


@pytest.mark.parametrize("cep", ["01310200", "01310-200", "01.310%20200"])
def test_a_street(app: App, look_up_services: StandInCarrier, cep: str) -> None:
    answer = app.get(f"postal-codes/{cep}/")
    assert (answer.status_code, answer.json()) == (200, PAULISTA)
    assert app.get(f"postal-codes/{cep}/", if_none_match=answer.headers["ETag"]).status_code == 304


@pytest.mark.parametrize("away", ["/viacep/", "/none"])
def test_a_town_with_one_code(app: App, look_up_services: StandInCarrier, away: str) -> None:
    look_up_services.fault("error", path=away)
    assert app.get("postal-codes/36325-000/").json() == {
        "postal_code": "36325000", "street": "", "district": "", "city": "Tiradentes", "state": "MG", "precise": False,
    }  # fmt: skip


@pytest.mark.parametrize("cep", ["01310999", "78950000"])
def test_an_unknown_code(app: App, look_up_services: StandInCarrier, cep: str) -> None:
    assert_problem(app.get(f"postal-codes/{cep}/"), 404, "postal_code_unknown")


@pytest.mark.parametrize("cep", ["0131020", "x", "013102000"])
def test_no_code_at_all(app: App, cep: str) -> None:
    assert_problem(app.get(f"postal-codes/{cep}/"), 422, "invalid")


@pytest.mark.parametrize("kind", ["error", "garbage", "huge", "cut_off"])
def test_services_that_fail_leave_the_state(app: App, look_up_services: StandInCarrier, kind: str) -> None:
    look_up_services.fault("error" if kind == "cut_off" else kind, path="/viacep/", error_status=403)
    look_up_services.fault(kind, path="/brasilapi/")
    answer = app.get("postal-codes/01310200/")
    assert (answer.status_code, answer.json()) == (200, NOTHING_KNOWN)
    look_up_services.no_faults()
    assert app.get("postal-codes/01310200/").json() == PAULISTA


def test_the_page_is_told_the_same(look_up_services: StandInCarrier) -> None:
    def told(cep: str) -> dict[str, Any]:
        document: dict[str, Any] = Client().get("/cart/postal-code/", {"postal_code": cep}).json()
        return document

    street = {name: PAULISTA[name] for name in ("street", "district", "city", "state")}
    assert told("01310-200") == {**street, "town_wide": False}
    assert told("36325000") == {
        "street": None, "district": None, "city": "Tiradentes", "state": "MG", "town_wide": True,
    }  # fmt: skip
    unknown = told("01310999")
    assert (unknown["state"], "CEP" in unknown["unknown"]) == ("SP", True)


@pytest.mark.parametrize("code", [f"{first:05}001" for first, _last, _state in STATE_RANGES])
def test_the_stand_in_knows_a_street_in_every_state(look_up_services: StandInCarrier, code: str) -> None:
    hint = look_up(code)
    place = stand_in.place_of(code)
    assert place is not None
    assert (hint.state, hint.city, hint.is_precise) == (place.state, place.city, True)


@pytest.mark.parametrize("code", stand_in.LANDMARKS)
def test_both_shapes_of_its_answers_say_the_same(look_up_services: StandInCarrier, code: str, settings: Any) -> None:
    first = look_up(code)
    settings.POSTAL_CODE_API_BASE = ""
    cache.delete(f"postal_codes:{code}")
    assert look_up(code) == first
    assert first.state == stand_in.LANDMARKS[code].state


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/viacep/ws/0131020/json/", 400, "<h1>"),
        ("/viacep/ws/01310999/json/", 200, '"erro": "true"'),
        ("/brasilapi/api/cep/v2/0131020", 400, "validation_error"),
        ("/brasilapi/api/cep/v2/01310999", 404, "service_error"),
    ],
)
def test_the_stand_in_refuses_as_the_services_do(
    look_up_services: StandInCarrier, path: str, status: int, word: str
) -> None:
    try:
        with urllib.request.urlopen(look_up_services.base_url + path, timeout=5) as answer:
            got, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            got, body = error.code, error.read().decode()
    assert got == status
    assert word in body


def test_a_code_that_neither_knows_is_unknown(look_up_services: StandInCarrier) -> None:
    with pytest.raises(PostalCodeUnknown):
        look_up("99999999")
