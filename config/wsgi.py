"""The WSGI entry point that the web server loads."""

import os

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


class Utf8Handler(WSGIHandler):
    request_class = Utf8Request


django.setup(set_prefix=False)
application = Utf8Handler()
