"""What a PDF of ours says: its texts, line by line, as a reader would show them."""

import re
import zlib

# What is compressed may end with a carriage return.
_STREAM = re.compile(rb"stream\n(.*?)\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:\\.|[^\\)])*)\)\s*Tj", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def texts_of(pdf: bytes) -> str:
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    shown = [text for page in _STREAM.findall(pdf) for text in _SHOWN.findall(zlib.decompress(page))]
    return "\n".join(_ESCAPED.sub(rb"\1", text).decode("cp1252") for text in shown)
