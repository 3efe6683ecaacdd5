"""Postal codes as people type them, and the state each belongs to."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shipping.exceptions import InvalidPostalCode
from shipping.postal_codes import STATE_RANGES, display, normalise, state_names, state_of
from shipping.tariff import zone_ranges


@pytest.mark.parametrize(
    "typed",
    [
        "01310200",
        "01310-200",
        "01.310-200",
        " 01310 200 ",
        "01310–200",
        "01310−200",
        "0 1 3 1 0 2 0 0",
        "０１３１０－２００",
    ],
)
def test_any_usual_notation_is_accepted(typed):
    assert normalise(typed) == "01310200"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0131020",
        "013102000",
        "O1310200",
        "01310_200",
        "01310\x00200",
        "+1310200",
        "٠١٣١٠٢٠٠",
        "1.31e7",
        "0131020²x",
    ],
)
def test_anything_else_is_refused_with_a_message(typed):
    with pytest.raises(InvalidPostalCode) as refused:
        normalise(typed)
    assert (refused.value.code, refused.value.status) == ("invalid", 422)
    assert "01310-200" in str(refused.value)


def test_a_mebibyte_is_refused_like_anything_else():
    with pytest.raises(InvalidPostalCode):
        normalise("0" * 1024 * 1024)


@given(st.text(max_size=80))
def test_any_text_is_eight_digits_or_refused(text):
    try:
        digits = normalise(text)
    except InvalidPostalCode:
        return
    assert len(digits) == 8
    assert digits.isascii()
    assert digits.isdigit()


@given(st.integers(0, 99_999_999))
def test_formatting_can_be_parsed_back(number):
    assert normalise(display(f"{number:08d}")) == f"{number:08d}"


@settings(max_examples=500)
@given(st.integers(1_000_000, 99_999_999))
@example(1_000_000)
@example(99_999_999)
@example(78_899_999)
@example(78_900_000)
@example(72_799_999)
@example(72_800_000)
def test_every_code_belongs_to_one_state_or_to_none(number):
    owners = [state for first, last, state in STATE_RANGES if first * 1000 <= number <= last * 1000 + 999]
    assert len(owners) <= 1
    assert state_of(f"{number:08d}") == (owners[0] if owners else "")
    assert owners or 78_900_000 <= number <= 78_999_999


def test_codes_below_the_first_range_belong_to_no_state():
    assert state_of("00999999") == ""


@pytest.mark.parametrize(
    ("postal_code", "state"),
    [
        ("01310200", "SP"),
        ("69005010", "AM"),
        ("69301000", "RR"),
        ("69400000", "AM"),
        ("69900000", "AC"),
        ("70040010", "DF"),
        ("72800000", "GO"),
        ("73001000", "DF"),
        ("73700000", "GO"),
        ("76801000", "RO"),
        ("78005000", "MT"),
    ],
)
def test_states_with_several_ranges(postal_code, state):
    assert state_of(postal_code) == state


def test_all_27_states_have_a_name():
    assert len(state_names) == 27
    assert {state for _first, _last, state in STATE_RANGES} == set(state_names)


def test_the_rate_table_covers_each_range_once():
    """Capital and interior together are exactly the states' ranges."""
    covered = [(first, last, state) for first, last, state, _zone in zone_ranges()]
    for (_, last, _), (first, _, _) in pairwise(covered):
        assert last < first
    numbers = {number: state for first, last, state in covered for number in range(first, last + 1)}
    assert numbers == {number: state for first, last, state in STATE_RANGES for number in range(first, last + 1)}
