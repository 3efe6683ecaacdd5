"""Chooses parser and renderer of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rest_framework.negotiation import DefaultContentNegotiation

if TYPE_CHECKING:
    from rest_framework.parsers import BaseParser
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request


class Negotiation(DefaultContentNegotiation):
    """REST framework's, which takes every media type apart. What most clients send needs no choice."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        first, *others = parsers
        if not others and request.content_type == first.media_type:
            return first
        return super().select_parser(request, [first, *others])

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first, *others = renderers
        # A query may name another format.
        if not others and not format_suffix and not request.META.get("QUERY_STRING"):
            accepted = request.META.get("HTTP_ACCEPT", "*/*")
            if first.media_type and accepted in ("*/*", first.media_type):
                return first, first.media_type
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, [first, *others], format_suffix)
        return chosen
