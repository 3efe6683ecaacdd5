"""The shortcut chooses what REST framework would."""

from collections.abc import Callable

import pytest
from django.http import Http404
from django.test import RequestFactory
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request

from config.api.negotiation import Negotiation
from config.api.parsers import Utf8JSONParser

JSON, HTML = JSONRenderer(), TemplateHTMLRenderer()
ACCEPT = [
    None, "", "*/*", "application/json", "application/*", "application/json; indent=4", "text/html",
    "text/html, */*;q=0.1", "Application/JSON", "application/json, text/plain, */*", "nonsense", "application/json;q=0",
]  # fmt: skip
CONTENT = ["application/json", "application/json; charset=utf-8", "text/plain", "", "Application/JSON", "application/*"]


def request(query: str = "", **headers: str | None) -> Request:
    sent = {name: value for name, value in headers.items() if value is not None}
    return Request(RequestFactory().get(f"/{query}", headers=sent))


def outcome(choose: Callable[[BaseContentNegotiation], object], negotiation: BaseContentNegotiation) -> object:
    try:
        return choose(negotiation)
    except (Http404, NotAcceptable) as error:
        return type(error)


@pytest.mark.parametrize("renderers", [[JSON], [HTML, JSON], [HTML]])
@pytest.mark.parametrize("query", ["", "?format=json", "?format=csv", "?page=2"])
@pytest.mark.parametrize("suffix", [None, "json", "csv"])
@pytest.mark.parametrize("accept", ACCEPT)
def test_the_same_renderer(accept: str | None, suffix: str | None, query: str, renderers: list[BaseRenderer]) -> None:
    ours, theirs = (
        outcome(lambda chooser: chooser.select_renderer(request(query, accept=accept), renderers, suffix), kind())
        for kind in (Negotiation, DefaultContentNegotiation)
    )
    assert ours == theirs


@pytest.mark.parametrize("content_type", CONTENT)
def test_the_same_parser(content_type: str) -> None:
    parsers = [Utf8JSONParser()]
    sent = Request(RequestFactory().generic("POST", "/", b"{}", content_type))
    assert Negotiation().select_parser(sent, parsers) is DefaultContentNegotiation().select_parser(sent, parsers)
