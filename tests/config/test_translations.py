"""The Portuguese catalogue is complete and has the same placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

CATALOGUE = Path(__file__).parents[2] / "config/locale/pt_BR/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|<[^>]+>")


@pytest.fixture(scope="module")
def catalogue():
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="pt_BR")


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def test_every_text_is_translated(catalogue) -> None:
    missing = [message.id for message in catalogue if message.id and not all(forms(message.string))]
    assert not missing


def test_nothing_is_fuzzy(catalogue) -> None:
    assert not [message.id for message in catalogue if message.id and message.fuzzy]


def test_placeholders_and_markup_match(catalogue) -> None:
    def parts(text: str | tuple[str, ...]) -> set[str]:
        return {part.group() for form in forms(text) for part in PLACEHOLDER.finditer(form)}

    different = [message.id for message in catalogue if message.id and parts(message.id) != parts(message.string)]
    assert not different


def test_each_order_status_is_worded_on_the_pages() -> None:
    from checkout.models import OrderStatus

    assert all(status.shopper_label for status in OrderStatus)
