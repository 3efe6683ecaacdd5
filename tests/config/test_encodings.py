"""Declared charsets, over HTTP: URLs are always read as UTF-8, and bodies in another encoding are refused."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from tests.support.sandbox import Sandbox
from tests.support.web import running

# Python codecs that are not text encodings, that fail or are slow, real encodings, and unknown names.
CHARSETS = [
    "hex", "zlib", "bz2", "base64", "rot13", "uu", "quopri", "idna", "punycode", "undefined", "unicode_escape",
    "latin-1", "cp1252", "utf-7", "utf-8-sig", "utf-16", "utf-32", "shift_jis", "no-such", "x" * 4000,
]  # fmt: skip
FORM = "application/x-www-form-urlencoded"
QUERY = "?search=caf%C3%A9&a=%FF"


def answers(server: http.client.HTTPConnection, method: str, path: str, kind: str) -> Iterator[tuple[str, int, str]]:
    """Yields each charset with the status and text of the response to a request that declares it."""
    for charset in CHARSETS:
        headers = {"Content-Type": f"{kind}; charset={charset}", "Accept-Language": "en"}
        server.request(method, path + QUERY, b"sku=MUG" if method == "POST" else None, headers)
        answer = server.getresponse()
        yield charset, answer.status, answer.read().decode()


@pytest.mark.django_db(transaction=True)
def test_any_declared_charset(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox) as web:
        server = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
        for charset, status, page in answers(server, "POST", "/cart/add/", FORM):
            assert (status, "We did not understand that" in page) == (400, True), charset
        for charset, status, document in answers(server, "POST", "/api/v1/carts/", "application/json"):
            assert (status, json.loads(document)["detail"]) == (400, "Send the body in UTF-8."), charset
        for charset, status, page in answers(server, "GET", "/", FORM):
            assert (status, 'value="café' in page) == (200, True), charset


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_what_browsers_send_is_accepted(charset: str) -> None:
    body = "search=1&language=pt-br&next=/help/"
    answer = Client().generic("POST", "/language/", body, f"{FORM}; charset={charset}")
    assert (answer.status_code, answer.cookies["django_language"].value) == (302, "pt-br")
