"""The page about the sandbox lists what there is."""

import re
from pathlib import Path

import pytest

from payments.sandbox import cards, control, dashboard
from payments.sandbox.faults import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()


def makes_trouble(card: cards.TestCard) -> bool:
    return card.trouble is not None or set(card.refund) != {"succeeded"}


TROUBLE = {token: number for token, number in cards.TOKENS.items() if makes_trouble(cards.CARDS[number])}


@pytest.mark.parametrize("token", TROUBLE)
def test_each_card_that_makes_trouble_later_is_listed(token: str) -> None:
    number = " ".join(re.findall("....", TROUBLE[token]))
    assert f"| {number} | `{token}` |" in PAGE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_fault_is_listed(kind: str) -> None:
    assert f"`{kind}`" in PAGE


def test_each_control_is_listed() -> None:
    controls = re.findall(r"^(?:GET|POST)[ ,A-Z]* (\S+)", f"{control.__doc__}\n{dashboard.__doc__}", re.MULTILINE)
    assert len(controls) > 15
    assert [path for path in controls if path.removeprefix("disputes/{id}") not in PAGE] == []
