"""Where a carrier shows a parcel to whoever has its code."""

from urllib.parse import quote

# By a word of the carrier's name. `{}` is the code.
_PAGES = {
    "correios": "https://rastreamento.correios.com.br/app/index.php?objetos={}",
    "jadlog": "https://www.jadlog.com.br/tracking?cte={}",
    "melhor envio": "https://www.melhorrastreio.com.br/rastreio/{}",
}


def tracking_url(carrier: str, code: str) -> str:
    """The carrier's page of a parcel; empty for a carrier that is not known here, or without a code."""
    name = carrier.casefold()
    page = next((page for word, page in _PAGES.items() if word in name), "")
    return page.format(quote(code, safe="")) if code else ""
