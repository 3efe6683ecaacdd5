"""The policy is the one that django-csp words, whether an answer shares it or has one of its own."""

import re
from collections.abc import Callable

import pytest
from csp.constants import NONCE, NONE, UNSAFE_INLINE
from csp.decorators import csp_exempt, csp_replace, csp_update
from csp.exceptions import CSPNonceError
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from config.middleware import ContentSecurityPolicy
from tests.support.factories.inventory import ProductFactory

View = Callable[[HttpRequest], HttpResponse]
HEADERS = ("Content-Security-Policy", "Content-Security-Policy-Report-Only")


def plain(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def with_script(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f'<script nonce="{request.csp_nonce}">')  # type: ignore[attr-defined]


def with_its_own(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={HEADERS[0]: "default-src 'none'"})


def broken(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=500)


VIEWS = {
    "plain": plain,
    "a nonce": with_script,
    "a header of its own": with_its_own,
    "broken": broken,
    "exempt": csp_exempt()(plain),
    "exempt from the report": csp_exempt(REPORT_ONLY=True)(plain),
    "updated": csp_update({"style-src": [UNSAFE_INLINE]})(plain),
    "replaced": csp_replace({"img-src": [NONE]})(plain),
}


def policies(middleware: type[CSPMiddleware], view: View) -> dict[str, list[str]]:
    """The directives of each header, in any order, with the nonce left out."""
    found = middleware(view)(RequestFactory().get("/"))
    written = {header: re.sub(r"'nonce-[^']+'", "NONCE", found.headers.get(header, "")) for header in HEADERS}
    return {header: sorted(text.split("; ")) for header, text in written.items()}


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("report", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_it_is_the_library_s(name: str, report: bool, debug: bool, settings) -> None:
    settings.DEBUG = debug
    if report:
        settings.CONTENT_SECURITY_POLICY_REPORT_ONLY = {"DIRECTIVES": {"default-src": [NONE], "script-src": [NONCE]}}
    expected = policies(CSPMiddleware, VIEWS[name])
    assert policies(ContentSecurityPolicy, VIEWS[name]) == expected
    if name == "a nonce":
        assert "NONCE" in str(expected)


def test_two_answers_share_the_words_but_never_a_nonce() -> None:
    answer = ContentSecurityPolicy(lambda request: plain(request))
    shared = {answer(RequestFactory().get("/")).headers[HEADERS[0]] for _ in range(2)}
    assert len(shared) == 1
    assert "nonce" not in str(shared)
    answer = ContentSecurityPolicy(lambda request: with_script(request))
    assert len({answer(RequestFactory().get("/")).headers[HEADERS[0]] for _ in range(2)}) == 2


def test_a_nonce_that_comes_too_late_for_the_header_is_refused() -> None:
    request = RequestFactory().get("/")
    ContentSecurityPolicy(plain)(request)
    with pytest.raises(CSPNonceError):
        str(request.csp_nonce)


@pytest.mark.django_db
@pytest.mark.usefixtures("static_files_from_apps")
def test_pages_share_the_policy_since_all_their_scripts_are_files(client: Client) -> None:
    ProductFactory(slug="caneca", stock=1)
    shared = {client.get(path).headers[HEADERS[0]] for path in ("/", "/products/caneca/", "/cart/", "/help/")}
    assert len(shared) == 1
    assert "nonce" not in str(shared)
