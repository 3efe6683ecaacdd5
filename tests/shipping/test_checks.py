"""System checks of settings that cannot work."""

import pytest

from shipping.checks import check_carrier, check_postal_code_service


@pytest.mark.parametrize("base", ["", "https://viacep.com.br", "http://127.0.0.1:9000/mirror"])
def test_a_url_or_nothing_is_fine(base, settings):
    settings.POSTAL_CODE_API_BASE = base
    assert check_postal_code_service(None) == []


@pytest.mark.parametrize("base", ["viacep.com.br", "ftp://viacep.com.br", "http://", "http://host:port", "file:///etc"])
def test_anything_else_is_an_error(base, settings):
    for name in ("POSTAL_CODE_API_BASE", "POSTAL_CODE_SECOND_API_BASE"):
        settings.POSTAL_CODE_API_BASE = settings.POSTAL_CODE_SECOND_API_BASE = ""
        setattr(settings, name, base)
        (found,) = check_postal_code_service(None)
        assert found.id == "shipping.E001"
        assert found.msg.startswith(name)
        assert base in found.msg


CARRIER = {
    "MELHOR_ENVIO_API_BASE": "https://melhorenvio.com.br",
    "MELHOR_ENVIO_TOKEN": "eyJ0eXAi",
    "MELHOR_ENVIO_CONTACT": "tech@esteira.example",
    "SHIPPING_FROM_POSTAL_CODE": "01001000",
}


def _carrier_errors(settings, **changes: str) -> list[str | None]:
    for name, value in {**CARRIER, **changes}.items():
        setattr(settings, name, value)
    return [found.id for found in check_carrier(None)]


def test_no_carrier_or_a_complete_one_is_fine(settings):
    assert _carrier_errors(settings) == []
    assert _carrier_errors(settings, MELHOR_ENVIO_API_BASE="", MELHOR_ENVIO_TOKEN="") == []


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("MELHOR_ENVIO_API_BASE", "melhorenvio.com.br", "shipping.E002"),
        ("MELHOR_ENVIO_TOKEN", "", "shipping.E003"),
        ("MELHOR_ENVIO_TOKEN", "two\nlines", "shipping.E003"),
        ("MELHOR_ENVIO_CONTACT", "", "shipping.E003"),
        ("MELHOR_ENVIO_CONTACT", "José", "shipping.E003"),
        ("SHIPPING_FROM_POSTAL_CODE", "01001-000", "shipping.E004"),
    ],
)
def test_an_unusable_carrier_is_an_error(settings, name: str, value: str, error: str):
    assert _carrier_errors(settings, **{name: value}) == [error]


def test_the_token_is_not_printed(settings):
    settings.MELHOR_ENVIO_API_BASE, settings.MELHOR_ENVIO_TOKEN = "https://melhorenvio.com.br", "sec\tret"
    assert not [found for found in check_carrier(None) if "ret" in found.msg]
