"""System checks of settings."""

from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRST_PAYMENT_MINUTES", 1),
        ("FIRST_PAYMENT_MINUTES", 31),
        ("UNPAID_STOCK_SHARE", 1.2),
        ("UNPAID_STOCK_SHARE", -0.1),
        ("UNPAID_STOCK_UNITS", 0),
        ("UNPAID_ORDERS_PER_NETWORK", 0),
        ("UNPAID_UNITS_PER_NETWORK", 0),
    ],
)
def test_bounds_that_close_pix_or_bound_nothing_are_refused(settings: Any, name: str, value: float) -> None:
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=name):
        call_command("check", "checkout", stderr=StringIO())


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SELLER_TAX_ID", "11222333000181", "Write it as 11.222.333/0001-81"),
        ("SELLER_TAX_ID", "11.222.333/0001-82", "Write it as"),
        ("SELLER_TAX_ID", "111.111.111-11", "Write it as"),
        ("SELLER_EMAIL", "loja", "no e-mail address"),
    ],
)
def test_a_seller_that_is_named_wrongly_is_refused(settings: Any, name: str, value: str, hint: str) -> None:
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=f"(?s){name}.*{hint}|{hint}"):
        call_command("check", "checkout", stderr=StringIO())


@pytest.mark.parametrize("tax_id", ["11.222.333/0001-81", "529.982.247-25", "12.ABC.345/01DE-35", ""])
def test_a_seller_has_a_cnpj_or_a_cpf(settings: Any, tax_id: str) -> None:
    settings.SELLER_TAX_ID = tax_id
    call_command("check", "checkout", stderr=StringIO())


def test_a_deployment_says_what_is_missing_of_the_seller(settings: Any) -> None:
    names = ["SELLER_NAME", "SELLER_TAX_ID", "SELLER_ADDRESS", "SELLER_EMAIL"]
    settings.SELLER_NAME = settings.SELLER_TAX_ID = settings.SELLER_ADDRESS = settings.SELLER_EMAIL = ""
    assert [f"{name} is not set." for name in names] == missing()
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças Ltda.", "11.222.333/0001-81"
    assert missing() == ["SELLER_ADDRESS is not set.", "SELLER_EMAIL is not set."]
    settings.SELLER_ADDRESS, settings.SELLER_EMAIL = "Rua do Ouro, 7", "loja@esteira.example"
    assert missing() == []


def missing() -> list[str]:
    found = run_checks(tags=["checkout"], include_deployment_checks=True)
    return [message.msg for message in found if message.id == "checkout.W001"]


def test_the_defaults_pass() -> None:
    call_command("check", "checkout", stderr=StringIO())


def test_a_notice_of_new_orders_goes_to_addresses(settings: Any) -> None:
    settings.NEW_ORDER_MAILS = ["loja@esteira.example", "estoque"]
    with pytest.raises(SystemCheckError, match="NEW_ORDER_MAILS: entry 2"):
        call_command("check", "checkout", stderr=StringIO())
    settings.NEW_ORDER_MAILS = ["loja@esteira.example"]
    call_command("check", "checkout", stderr=StringIO())
