"""Protocol errors: broken bodies, wrong methods, bad tokens, unknown paths, internal errors."""

import gzip
import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from cart import services
from config.api import problems
from config.exceptions import Fact, Refusal
from tests.support.api import App, assert_problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"'a'", b"{'a': 1}", b'{"sku": NaN}', b'{"sku": Infinity}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
        b'{"sku": "\xe7"}', b"\x00", b"[" * 100_000, b'{"quantity": ' + b"9" * 5000 + b"}",
        gzip.compress(b"{}", mtime=0),
    ],
)  # fmt: skip
def test_a_body_that_is_not_json(app: App, body: bytes) -> None:
    assert_problem(app.raw("POST", "carts/", body), 400, "invalid")


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "zlib", "hex", "rot13", "no-such", "utf-8-sig"])
def test_a_body_in_another_encoding(app: App, charset: str) -> None:
    answer = app.raw("POST", "carts/", b"{}", f"application/json; charset={charset}")
    assert_problem(answer, 400, "invalid")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_a_body_in_utf_8(app: App, charset: str) -> None:
    assert app.raw("POST", "carts/", b"{}", f"application/json; charset={charset}").status_code == 201


@pytest.mark.parametrize("body", [[], [{}], "text", 1, 1.5, True, None])
def test_a_body_that_is_not_an_object(app: App, body: Any) -> None:
    answer = app.raw("POST", "carts/", json.dumps(body).encode())
    assert_problem(answer, 422, "invalid", "non_field_errors")


def test_a_body_of_a_mebibyte(app: App) -> None:
    for body in (b'{"sku": "' + b"x" * 1024 * 1024 + b'"}', b" " * 1024 * 1024):
        assert_problem(app.raw("POST", "carts/", body), 413, "too_large")


def test_echoed_field_names_are_sanitised(app: App) -> None:
    names = {"\ud800": 1, "\0": 1, "x" * 100_000: 1} | {f"field{number}": 1 for number in range(1000)}
    answer = app.post("carts/", names)
    assert answer.status_code == 422
    assert len(answer.content) < 5_000


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "nonsense"],
)
def test_a_body_with_another_content_type(app: App, content_type: str) -> None:
    assert_problem(app.raw("POST", "carts/", b"a=1", content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "carts/"), ("POST", "products/"), ("DELETE", "orders/"), ("TRACE", "products/")]
)
def test_a_method_that_is_not_allowed(app: App, method: str, path: str) -> None:
    answer = app.raw(method, path, b"")
    if path == "orders/":
        assert_problem(answer, 401, "not_authenticated")
    else:
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"]


def test_a_representation_that_is_not_acceptable(app: App) -> None:
    assert_problem(app.get("products/", accept="text/html"), 406, "not_acceptable")
    assert app.get("products/", accept="application/json").status_code == 200
    assert app.get("products/", accept="*/*").status_code == 200


@pytest.mark.parametrize("token", ["Token", "Token x", "Token x y", "Token \xff", "token " + "a" * 5000])
def test_a_token_that_is_not_valid(app: App, token: str) -> None:
    answer = app.get("products/", authorization=token)
    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_session_needs_its_csrf_token(user: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    answer = browser.post("/api/v1/carts/", "{}", content_type="application/json")
    assert_problem(answer, 403, "permission_denied")


@pytest.mark.parametrize("path", ["", "nothing/", "carts/x/y/z/", "products", "orders/1/2/"])
def test_an_unknown_path(app: App, path: str) -> None:
    answer = app.get(path)
    if answer.status_code == 301:
        assert answer.headers["Location"] == f"/api/v1/{path}/"
    else:
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_address_that_lacks_its_slash(app: App, method: str) -> None:
    problem = assert_problem(app.raw(method, "carts?a=1", b"{}"), 404, "not_found")
    assert problem["detail"] == "There is nothing at this address. Send the request to /api/v1/carts/?a=1."
    assert_problem(app.raw(method, "nothing", b"{}"), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_redirected_to_the_slash(app: App, method: str) -> None:
    answer = app.raw(method, "products?page=2", b"")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/api/v1/products/?page=2")


def test_a_host_that_is_not_allowed(app: App) -> None:
    assert_problem(app.get("products/", host="evil.example"), 400, "invalid")


@pytest.mark.django_db(transaction=True)
def test_an_internal_error_exposes_no_details(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("the secret")

    monkeypatch.setattr(services, "create_cart", fail)
    answer = app.post("carts/")
    assert_problem(answer, 500, "internal_error")
    assert b"secret" not in answer.content


def test_pages_keep_their_own_errors() -> None:
    answer = Client().get("/nothing-here/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_detail_follows_the_language(app: App) -> None:
    english = app.get("carts/" + "A" * 43 + "/", accept_language="en")
    portuguese = app.get("carts/" + "A" * 43 + "/", accept_language="pt-BR,pt;q=0.9")
    assert english.headers["Content-Language"] == "en"
    assert portuguese.headers["Content-Language"] == "pt-br"
    assert "Accept-Language" in portuguese.headers["Vary"]
    assert english.json()["detail"] == "Cart not found."


def test_each_reader_is_refused_in_their_own_language(app: App) -> None:
    """A form is kept for all requests, and some fields of REST framework word a message only once."""
    path = f"carts/{app.post('carts/').json()['id']}/lines/"
    said = [
        app.post(path, {"sku": "x" * 99, "quantity": 999}, accept_language=language).json()["errors"]
        for language in ("pt-BR", "en", "pt-BR")
    ]
    assert said[1] == {
        "sku": ["Ensure this field has no more than 64 characters."],
        "quantity": ["Ensure this value is less than or equal to 99."],
    }
    assert said[0] == said[2]
    assert set(said[0]) == set(said[1])
    assert said[0]["sku"] != said[1]["sku"]
    assert said[0]["quantity"] != said[1]["quantity"]


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"7", b"{}"])
def test_a_body_that_is_no_filled_object_is_refused_alike_every_time(app: App, body: bytes) -> None:
    path = f"carts/{app.post('carts/').json()['id']}/lines/"
    first, second = (app.raw("POST", path, body) for _ in range(2))
    assert_problem(first, 422, "invalid", *first.json()["errors"])
    assert first.json() == second.json()


def test_only_facts_for_clients_are_exposed() -> None:
    refusal = Refusal("No.", total="1.00", secret="x", decline_code="stolen_card")
    refusal.shows = {"total": Fact("what it costs now.")}
    document = problems.problem_of(refusal)
    assert set(document) == {"type", "title", "status", "detail", "code", "total"}


def test_every_refusal_of_the_shop_has_a_title() -> None:
    shown = {kind.code for kind in _descendants(Refusal)}
    titled = {kind.code for kind in _descendants(Refusal) if kind.title}
    not_in_the_api = {
        "dispute_not_dismissed", "invalid_signature", "labels_not_printed", "labels_unavailable", "malformed_event",
        "no_label_to_print", "order_not_advanced", "order_not_cancellable", "parcel_refused", "refund_not_paid_by_hand",
        "refund_refused", "return_refused",
    }  # fmt: skip
    assert shown - not_in_the_api <= titled


def _descendants(kind: type[Refusal]) -> set[type[Refusal]]:
    return {kind}.union(*(_descendants(child) for child in kind.__subclasses__()))


def test_without_redis_nothing_stops(app: App, settings: Any) -> None:
    """Carts are read and written, and rate limits do not count."""
    settings.CACHES = {
        **settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"},
    }  # fmt: skip
    cache.close()
    cart = app.post("carts/")
    assert cart.status_code == 201
    assert app.get(f"carts/{cart.json()['id']}/").status_code == 200
    assert app.get("products/").status_code == 200
