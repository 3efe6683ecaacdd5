"""CPF and CNPJ as people type them."""

import pytest

from shipping.checks import check_tax_id_policy
from shipping.exceptions import InvalidTaxId
from shipping.tax_ids import display, kind, masked, normalise, read

CPFS = ["11144477735", "52998224725", "12345678909", "98765432100", "00000000191"]
# The first two are the old kind and the tax office's example of the new one.
CNPJS = [
    "11222333000181", "12ABC34501DE35", "AB12CD34000184", "ZZZZZZZZ000191", "A1B2C3D4000193", "12ABC345000188",
    "AB0018CD000100",
]  # fmt: skip


@pytest.mark.parametrize("number", [*CPFS, *CNPJS])
def test_valid_numbers(number: str) -> None:
    assert normalise(number) == number
    assert normalise(number.lower()) == number
    assert normalise(f" {display(number)}\u200b") == number


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-25", "529 982 247 25", "529982247–25", "529/982/247-25", "\u00a0529.982.247\u201125",
        "52998224725", "５２９９８２２４７２５",
    ],
)  # fmt: skip
def test_any_notation(text: str) -> None:
    assert normalise(text) == "52998224725"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "5299822472", "529982247255", "52998224724", "52998224752", "11222333000182", "12ABC34501DE36",
        "1122233300018A", "12ABC34501DÉ35", "5299822472²", *[digit * 11 for digit in "0123456789"],
        *[digit * 14 for digit in "0123456789"], "***.982.247-**", "529.982.247-25" + " " * 40, "٥٢٩٩٨٢٢٤٧٢٥",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidTaxId) as refusal:
        normalise(text)
    assert len(text) < 2 or text not in str(refusal.value)


def test_they_are_shown_masked() -> None:
    assert masked("52998224725") == "***.982.247-**"
    assert masked("12ABC34501DE35") == "**.ABC.345/****-**"
    assert masked("") == display("") == kind("") == ""
    assert (kind("52998224725"), kind("12ABC34501DE35")) == ("CPF", "CNPJ")


def test_a_masked_one_is_read_as_it_is() -> None:
    assert read(masked("52998224725")) == "***.982.247-**"
    assert read("529.982.247-25") == "52998224725"


@pytest.mark.parametrize("policy", ["required", "optional", "off"])
def test_known_policies_are_fine(policy: str, settings) -> None:
    settings.TAX_ID = policy
    assert check_tax_id_policy(None) == []


@pytest.mark.parametrize("policy", ["", "Required", "yes"])
def test_an_unknown_policy_is_an_error(policy: str, settings) -> None:
    settings.TAX_ID = policy
    (found,) = check_tax_id_policy(None)
    assert found.id == "shipping.E005"
