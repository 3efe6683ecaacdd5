"""Drawings of products without a photograph."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import pictures
from inventory.demo import products as demo


def test_every_demo_product_has_a_small_clean_picture():
    drawn = {row.sku: pictures.draw(row.category_slug, row.sku) for row in demo.demo_rows()}
    for svg in drawn.values():
        ElementTree.fromstring(svg)
        assert len(svg.encode()) < 2000
        assert not any(word in svg for word in ("style", "script", "href", "{", "url("))
    assert len(set(drawn.values())) > 400
    box = pictures.draw("", "box")
    assert all(pictures.MOTIFS["box"][:20] not in svg for svg in drawn.values())
    assert pictures.MOTIFS["box"][:20] in box


@given(category=st.text(), sku=st.text())
def test_any_text_gives_a_picture_and_none_of_it_is_printed(category, sku):
    svg = pictures.draw(category, sku)
    ElementTree.fromstring(svg)
    assert svg == pictures.draw(category, sku)


@pytest.mark.parametrize("marker", ["<script>", '"onload=', "&"])
def test_markup_in_a_sku_stays_out(marker):
    assert marker not in pictures.draw(marker, f"{marker}-{marker}")


def test_what_is_blue_is_drawn_blue():
    blue = pictures.PALETTES[pictures.BY_COLOUR["AZUL"]]
    assert blue[2] in pictures.draw("cozinha", "CANECA-AGATA-AZUL")
