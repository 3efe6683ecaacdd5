"""A wrong address of the look-up service is said at start-up."""

import pytest

from shipping.checks import check_postal_code_service


@pytest.mark.parametrize("base", ["", "https://viacep.com.br", "http://127.0.0.1:9000/mirror"])
def test_an_address_or_nothing_is_fine(base, settings):
    settings.POSTAL_CODE_API_BASE = base
    assert check_postal_code_service(None) == []


@pytest.mark.parametrize("base", ["viacep.com.br", "ftp://viacep.com.br", "http://", "http://host:port", "file:///etc"])
def test_anything_else_is_an_error(base, settings):
    settings.POSTAL_CODE_API_BASE = base
    (found,) = check_postal_code_service(None)
    assert found.id == "shipping.E001"
    assert base in found.msg
