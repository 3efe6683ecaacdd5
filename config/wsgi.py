"""The WSGI entry point that the web server loads."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Utf8Request(WSGIRequest):
    """Decodes URLs and forms as UTF-8, whatever charset the request claims.

    Some of Python's codecs are not charsets (hex, zlib, rot13, idna): decoding with them fails or takes very long, and
    Django would do it while it creates the request, before any middleware can answer.
    """

    @property
    def encoding(self) -> str:
        return "utf-8"

    @encoding.setter
    def encoding(self, claimed: str) -> None:
        """Ignored: `config.middleware.OnlyUtf8` refuses bodies that claim another charset."""


class WithoutBody:
    """An answer's head alone: its body is closed unread."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        # Django's response: this is when it says that the request is over.
        if close := getattr(self._answer, "close", None):
            close()


class Handler(WSGIHandler):
    """Django's, with URLs and forms as UTF-8, and HEAD answered with no body whatever the view gives."""

    request_class = Utf8Request

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        answer = super().__call__(environ, start_response)
        return WithoutBody(answer) if environ["REQUEST_METHOD"] == "HEAD" else answer


django.setup(set_prefix=False)
application = Handler()
