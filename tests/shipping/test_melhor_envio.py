"""Parsing a carrier's response: nothing it sends can break a page or become a wrong price."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipping.carriers.base import CarrierUnavailable
from shipping.carriers.melhor_envio import MAX_DAYS, MAX_SERVICES, parse

PAC = {
    "id": 1,
    "name": "PAC",
    "price": "41.44",
    "custom_price": "39.90",
    "currency": "R$",
    "delivery_time": 6,
    "delivery_range": {"min": 5, "max": 6},
    "company": {"id": 1, "name": "Correios"},
}


def _parsed(*services: Any) -> list[tuple[str, str, Decimal, int, int]]:
    options = parse(json.dumps(services).encode())
    return [(option.code, option.method_name, option.price, option.min_days, option.max_days) for option in options]


def test_the_shops_custom_price_comes_first():
    assert _parsed(PAC) == [("melhor-envio-1", "Correios PAC", Decimal("39.90"), 5, 6)]
    assert _parsed({**PAC, "custom_price": None})[0][2] == Decimal("41.44")


def test_a_single_service_comes_without_a_list():
    assert len(parse(json.dumps(PAC).encode())) == 1


def test_services_with_an_error_are_left_out():
    assert [code for code, *_ in _parsed({"id": 2, "name": "SEDEX", "error": "Não atende."}, PAC)] == ["melhor-envio-1"]
    assert _parsed({**PAC, "error": "Serviço indisponível."}) == []


@pytest.mark.parametrize(
    "price",
    ["0.00", "0", "-1.00", "0.004", "NaN", "Infinity", "1e3", "12,90", "R$ 12.90", " 12.90", "1_0.00", "١٢",
     "99999999.00", "", None, True, 12.9, 12, [], {}],
)  # fmt: skip
def test_an_invalid_price_is_not_offered_and_nothing_is_free(price: object):
    assert _parsed({**PAC, "custom_price": price, "price": price}) == []


@pytest.mark.parametrize(("text", "price"), [("12", "12.00"), ("12.5", "12.50"), ("12.345", "12.35"), ("0.01", "0.01")])
def test_prices_have_two_places(text: str, price: str):
    assert str(_parsed({**PAC, "custom_price": text})[0][2]) == price


@pytest.mark.parametrize(
    ("terms", "days"),
    [
        ({"custom_delivery_range": {"min": 7, "max": 9}}, (7, 9)),
        ({"delivery_range": None}, (6, 6)),
        ({"delivery_range": {"min": 6, "max": 5}}, (6, 6)),
        ({"delivery_range": {"min": "5", "max": "6"}}, (6, 6)),
        ({"delivery_range": [5, 6], "delivery_time": 0}, (0, 0)),
    ],
)
def test_days_come_from_the_first_field_that_makes_sense(terms: dict[str, object], days: tuple[int, int]):
    assert _parsed({**PAC, **terms})[0][3:] == days


@pytest.mark.parametrize("days", [None, -1, MAX_DAYS + 1, 1.5, True, "6"])
def test_without_days_nothing_is_offered(days: object):
    assert _parsed({**PAC, "delivery_range": {"min": days, "max": days}, "delivery_time": days}) == []


@pytest.mark.parametrize("number", [0, -1, None, True, "x", "1; DROP", 10**12, 1.0])
def test_a_service_without_an_id_is_not_offered(number: object):
    assert _parsed({**PAC, "id": number}) == []


def test_names_are_cleaned_and_never_empty():
    (_, name, *_), *_ = _parsed({**PAC, "name": "PAC\x00\n " + "x" * 200, "company": None})
    assert name.startswith("PAC x")
    assert len(name) == 80
    assert _parsed({**PAC, "name": "\u200b", "company": {"name": 7}})[0][1] == "Melhor Envio 1"


def test_other_currencies_are_not_offered():
    assert _parsed({**PAC, "currency": "US$"}) == []
    assert len(_parsed({**PAC, "currency": None}, {**PAC, "id": 2, "currency": "BRL"})) == 2


def test_of_two_with_the_same_id_the_first_counts_and_the_list_is_bounded():
    assert [price for _, _, price, *_ in _parsed(PAC, {**PAC, "custom_price": "1.00"})] == [Decimal("39.90")]
    assert len(_parsed(*({**PAC, "id": number} for number in range(1, 1000)))) == MAX_SERVICES


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b"7", b'"id"', b"\xff\xfe", b"[" * 100_000, b'{"message": "no"}']
)
def test_an_unreadable_response_counts_as_unavailable(body: bytes):
    with pytest.raises(CarrierUnavailable):
        parse(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
prices = st.decimals(allow_nan=True, allow_infinity=True).map(str) | st.from_regex(r"[0-9]{1,9}\.[0-9]{0,3}") | anything
days = (
    st.fixed_dictionaries({"min": st.integers(-9, 999) | anything, "max": st.integers(-9, 999) | anything}) | anything
)
services = st.fixed_dictionaries(
    {"id": st.integers(-5, 10**10) | anything, "price": prices},
    optional={
        "custom_price": prices,
        "delivery_range": days,
        "custom_delivery_range": days,
        "delivery_time": st.integers(-9, 999) | anything,
        "name": anything,
        "company": anything | st.fixed_dictionaries({"name": st.text(max_size=120)}),
        "error": anything,
        "currency": st.sampled_from(["R$", "BRL", "US$"]) | anything,
    },
)


@given(st.lists(services | anything, max_size=8))
def test_every_offered_service_can_be_quoted(document: list[object]):
    options = parse(json.dumps(document).encode())
    assert len({option.code for option in options}) == len(options) <= len(document)
    for option in options:
        assert Decimal("0.01") <= option.price < Decimal(10) ** 8
        assert option.price == option.price.quantize(Decimal("0.01"))
        assert 0 <= option.min_days <= option.max_days <= MAX_DAYS
        assert 0 < len(option.method_name) <= 80
        assert option.method_name.isprintable()
        assert len(option.code) <= 40


@given(st.binary(max_size=200) | anything.map(lambda thing: json.dumps(thing).encode()))
def test_any_response_is_a_list_or_a_failure(body: bytes):
    with suppress(CarrierUnavailable):
        assert isinstance(parse(body), list)
