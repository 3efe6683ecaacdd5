"""Whatever encoding is claimed, over HTTP: an address is read in UTF-8, and a body in any other is refused."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from tests.support.sandbox import Sandbox
from tests.support.web import running

# Codecs of Python that are no text encodings, that fail or take long, that are; and names that it does not know.
CHARSETS = [
    "hex", "zlib", "bz2", "base64", "rot13", "uu", "quopri", "idna", "punycode", "undefined", "unicode_escape",
    "latin-1", "cp1252", "utf-7", "utf-8-sig", "utf-16", "utf-32", "shift_jis", "no-such", "x" * 4000,
]  # fmt: skip
FORM = "application/x-www-form-urlencoded"
ASKED = "?search=caf%C3%A9&a=%FF%00"


def answers(server: http.client.HTTPConnection, method: str, path: str, kind: str) -> Iterator[tuple[str, int, str]]:
    """Each charset, and what a request that claims it is answered with: status and text."""
    for charset in CHARSETS:
        headers = {"Content-Type": f"{kind}; charset={charset}", "Accept-Language": "en"}
        server.request(method, path + ASKED, b"sku=MUG" if method == "POST" else None, headers)
        answer = server.getresponse()
        yield charset, answer.status, answer.read().decode()


@pytest.mark.django_db(transaction=True)
def test_whatever_is_claimed_over_http(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox) as web:
        server = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
        for charset, status, page in answers(server, "POST", "/cart/add/", FORM):
            assert (status, "We did not understand that" in page) == (400, True), charset
        for charset, status, document in answers(server, "POST", "/api/v1/carts/", "application/json"):
            assert (status, json.loads(document)["detail"]) == (400, "Send the body in UTF-8."), charset
        for charset, status, page in answers(server, "GET", "/", FORM):
            assert (status, 'value="café' in page) == (200, True), charset


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_what_browsers_send_is_taken(charset: str) -> None:
    body = "search=1&language=pt-br&next=/help/"
    answer = Client().generic("POST", "/language/", body, f"{FORM}; charset={charset}")
    assert (answer.status_code, answer.cookies["django_language"].value) == (302, "pt-br")
