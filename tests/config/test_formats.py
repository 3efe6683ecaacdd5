"""How money, dates and codes read in both languages."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import translation

from checkout.templatetags.orders import order_status, order_status_tag
from config.formats import add_business_days, arrival, cep, day, money, phone, translated
from config.templatetags.esteira import icon, qr_code

pytestmark = pytest.mark.usefixtures("static_files_from_apps")


@pytest.mark.parametrize(("language", "text"), [("pt-br", "R$\u00a01.234,56"), ("en", "R$\u00a01,234.56")])
def test_money_by_language(language: str, text: str) -> None:
    with translation.override(language):
        assert money(Decimal("1234.56"), "BRL") == text


def test_money_accepts_text_and_none() -> None:
    with translation.override("en"):
        assert money("0.50", "BRL") == "R$\u00a00.50"
        assert money(None) == ""


def test_stored_texts_follow_the_reader_though_each_is_looked_up_once() -> None:
    for _ in range(2):
        for language, text in (("pt-br", "Carrinho"), ("en", "Cart"), ("pt-br", "Carrinho")):
            with translation.override(language):
                assert translated("Cart") == text
                assert translated("PAC") == "PAC"
                assert translated("") == ""


def test_postal_codes_and_phones_as_people_write_them() -> None:
    assert cep("01310200") == "01310-200"
    assert cep("") == ""
    assert phone("11987654321") == "(11) 98765-4321"
    assert phone("1133334444") == "(11) 3333-4444"
    assert phone("+1 555") == "+1 555"


def test_business_days_leave_out_the_weekend() -> None:
    friday = dt.date(2026, 11, 27)
    assert add_business_days(friday, 0) == friday
    assert add_business_days(friday, 1) == dt.date(2026, 11, 30)
    assert add_business_days(friday, 6) == dt.date(2026, 12, 7)


@pytest.mark.parametrize(
    ("language", "days", "text"),
    [
        ("pt-br", (2, 4), "chega entre 3 e 7 de dez."),
        ("en", (2, 4), "arrives between Dec 3 and 7"),
        ("en", (1, 1), "arrives on Dec 2"),
        ("pt-br", (1, 1), "chega em 2 de dez."),
        ("en", (2, 25), "arrives between Dec 3 and Jan 5"),
        ("pt-br", (2, 25), "chega entre 3 de dez. e 5 de jan."),
    ],
)
def test_the_days_of_arrival(language: str, days: tuple[int, int], text: str) -> None:
    tuesday = dt.datetime(2026, 12, 2, 2, 30, tzinfo=dt.UTC)  # still Tuesday the 1st in São Paulo
    with translation.override(language):
        assert arrival(*days, tuesday) == text


def test_days_follow_the_shoppers_time_zone() -> None:
    with translation.override("pt-br"):
        assert day(dt.datetime(2026, 12, 2, 1, 0, tzinfo=dt.UTC)) == "1 de dezembro de 2026"


def test_an_order_status_has_a_label() -> None:
    with translation.override("pt-br"):
        assert order_status("awaiting_payment") == "Aguardando pagamento"
    assert order_status("something-new") == "something-new"
    assert order_status_tag("something-new") == ""


def test_icons_have_no_inline_style() -> None:
    assert "style" not in qr_code("00020126580014br.gov.bcb.pix")
    assert "style" not in icon("cart")
