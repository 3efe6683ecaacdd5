"""The Portuguese catalogue has every text of the sources, is complete, and has the same placeholders."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.support.messages import CATALOGUE, texts, untranslated, updated

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|<[^>]+>")


@pytest.fixture(scope="module")
def catalogue():
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="pt_BR")


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def test_every_text_of_the_sources_is_in_the_catalogue_and_no_other(catalogue) -> None:
    here, there = ({(message.context, message.id) for message in each if message.id} for each in (catalogue, texts()))
    assert (there - here, here - there) == (set(), set()), "Run `make messages`, then translate what it names."


def test_the_catalogue_is_as_make_messages_writes_it() -> None:
    written = CATALOGUE.read_text()
    assert written == updated(written), "Run `make messages`, then look whether a text is untranslated."


def test_make_messages_adds_what_is_new_and_drops_what_is_gone() -> None:
    written = CATALOGUE.read_text()
    gone = '#: cart/admin.py\nmsgid "No source says this."\nmsgstr "Nenhum código diz isto."\n\n'
    header, known, *others = written.split("\n\n")
    old = "\n\n".join([header, gone.strip(), *others])
    new = updated(old)
    assert "No source says this." not in new
    (text,) = untranslated(new)
    assert text in known
    assert updated(new) == new
    assert updated(written).startswith(header)


def test_every_text_is_translated() -> None:
    assert untranslated(CATALOGUE.read_text()) == []


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
