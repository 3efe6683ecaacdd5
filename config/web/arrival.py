"""What a client has sent so far, until it is a whole request; bounded in size and in time.

This only finds the end of the request. What it means, and whether it is refused, is for gunicorn's parser to say: what
that parser would refuse counts as whole.
"""

import os
import re
from http import HTTPStatus

# A request may take this long, and a second more for every BYTES_PER_SECOND of it that have come: a photograph over a
# poor line gets its minutes, a byte now and then does not.
SECONDS = float(os.environ.get("REQUEST_SECONDS", "20"))
BYTES_PER_SECOND = 32 * 1024
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 16 * 1024 * 1024
_LONGEST_CHUNK_LINE = 8190

_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]+)[ \t]*(?:;|\r\n)")
_PROBES = (b"GET /health/", b"HEAD /health/", b"GET /metrics")


class Arrival:
    """The bytes of one request, perhaps with the beginning of the next. `began` is a monotonic time."""

    def __init__(self, data: bytes, began: float) -> None:
        self.data = bytearray(data)
        self.expects_continue = False
        self._began = began
        # Where the body begins, once the head is there; its length, None if it comes in chunks; the next chunk.
        self._body = self._chunk = 0
        self._length: int | None = 0

    @property
    def due(self) -> float:
        """When it must be whole."""
        return self._began + SECONDS + len(self.data) / BYTES_PER_SECOND

    @property
    def is_probe(self) -> bool:
        return self.data.startswith(_PROBES)

    def refusal(self) -> HTTPStatus | None:
        """Why no more of it is collected, if it is too large."""
        if not self._body:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if len(self.data) > LARGEST_HEAD else None
        too_large = max(self._length or 0, len(self.data) - self._body) > LARGEST_BODY
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else None

    def is_whole(self) -> bool:
        """Whether the parser can be called: it would not ask for more."""
        if not self._body and not self._head_is_whole():
            # The parser refuses a bare line feed; waiting for the end of such a head would be in vain.
            return self.data.count(b"\n") != self.data.count(b"\r\n")
        if self._length is None:
            return self._last_chunk_is_there()
        return len(self.data) >= self._body + self._length

    def _head_is_whole(self) -> bool:
        # One empty line may come first.
        end = self.data.find(b"\r\n\r\n", 2 if self.data.startswith(b"\r\n") else 0)
        if end < 0:
            return False
        self._body = self._chunk = end + 4
        lengths = []
        for name, value in _FRAMING.findall(self.data, 0, end + 2):
            if name.lower() == b"content-length":
                lengths.append(value.strip())
            elif name.lower() == b"expect":
                self.expects_continue = True
            elif b"chunked" in value.lower():
                self._length = None
        # Two lengths, or one beside chunks, are refused.
        if self._length is not None and len(lengths) == 1 and lengths[0].isdigit():
            self._length = int(lengths[0])
        return True

    def _last_chunk_is_there(self) -> bool:
        while (end_of_line := self.data.find(b"\r\n", self._chunk)) >= 0:
            size = _CHUNK_SIZE.match(self.data, self._chunk)
            if size is None:
                return True
            if not int(size[1], 16):
                return self.data.find(b"\r\n\r\n", end_of_line) >= 0
            self._chunk = end_of_line + 2 + int(size[1], 16) + 2
        return len(self.data) - self._chunk > _LONGEST_CHUNK_LINE
