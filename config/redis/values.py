"""How values are written to Redis: as JSON, and read back only as the types that were declared. Never as pickles.

Reading a pickle runs whatever code its author put into it, so whoever could write to Redis would run code here. JSON
can at worst be wrong, and a value that does not have its declared shape is a miss: it may be damaged, or from another
release.
"""

import json
import zlib
from typing import Any

import msgspec
from django.conf import settings
from django_redis.serializers.base import BaseSerializer


class Unstorable(TypeError):
    """A value that cannot be stored or, where writes are checked, that would not come back equal: a bug."""


class Format:
    """The JSON form of values of one type: dataclasses, named tuples, Decimal, datetime, UUID, tuples, dictionaries
    with integer keys, and unions as far as JSON can tell their members apart.

    `edition` identifies the shape. It changes with every field, so two releases can tell their values apart.
    """

    def __init__(self, of: Any) -> None:
        schema = json.dumps(msgspec.json.schema(of), sort_keys=True)
        self.edition = f"{zlib.crc32(schema.encode()):08x}"
        self._decoder = msgspec.json.Decoder(of)

    def write(self, value: object) -> bytes:
        """Raises Unstorable."""
        try:
            text = msgspec.json.encode(value)
        except TypeError as error:
            raise Unstorable(str(error)) from error
        if settings.CACHE_CHECK_WRITES:
            _require_equal(self.read(text), value)
        return text

    def read(self, text: bytes) -> Any:
        """The value, or None if `text` is not one of this type."""
        try:
            return self._decoder.decode(text)
        except (ValueError, RecursionError):
            return None


class JSONSerializer(BaseSerializer):  # type: ignore[misc]  # it has no types
    """For Django's cache interface, so for sessions: plain JSON. What cannot be read is None, which is a miss."""

    def dumps(self, value: Any) -> bytes:
        """Raises Unstorable."""
        try:
            text = json.dumps(value, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise Unstorable(str(error)) from error
        if settings.CACHE_CHECK_WRITES:
            _require_equal(self.loads(text), value)
        return text

    def loads(self, value: bytes) -> Any:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None


def _require_equal(read: object, written: object) -> None:
    """The message has no values: they may be personal."""
    if read != written:
        raise Unstorable(f"A {type(written).__name__} would not come back equal from Redis.")
