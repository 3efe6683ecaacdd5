"""The carriers' own pages of a parcel."""

import pytest

from shipping.tracking import tracking_url


@pytest.mark.parametrize(
    ("carrier", "code", "page"),
    [
        ("Correios", "QB123456789BR", "https://rastreamento.correios.com.br/app/index.php?objetos=QB123456789BR"),
        ("JADLOG .Package", "1900", "https://www.jadlog.com.br/tracking?cte=1900"),
        ("Melhor Envio", "ME1", "https://www.melhorrastreio.com.br/rastreio/ME1"),
        ("Correios", "A/B&C", "https://rastreamento.correios.com.br/app/index.php?objetos=A%2FB%26C"),
        ("Motoboy do bairro", "1", ""),
        ("Correios", "", ""),
        ("", "1", ""),
    ],
)
def test_the_page_of_a_parcel(carrier: str, code: str, page: str) -> None:
    assert tracking_url(carrier, code) == page
