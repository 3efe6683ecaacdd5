"""The WSGI entry point that the web server loads."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Utf8Request(WSGIRequest):
    """Reads addresses and forms in UTF-8, whatever charset is claimed.

    Some of the charsets that Python knows are none (hex, zlib, rot13, idna): decoding with them fails, or takes very
    long, and Django would do so while it makes the request, before any middleware could answer.
    """

    @property
    def encoding(self) -> str:
        return "utf-8"

    @encoding.setter
    def encoding(self, claimed: str) -> None:
        """`config.middleware.OnlyUtf8` refuses bodies that claim another."""


class Utf8Handler(WSGIHandler):
    request_class = Utf8Request


django.setup(set_prefix=False)
application = Utf8Handler()
