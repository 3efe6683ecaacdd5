"""Pix: the BR Code that a bank's app reads.

A BR Code is EMV tag-length-value text that ends in a CRC-16/CCITT-FALSE over everything before the checksum's digits.
"""

import unicodedata
from decimal import Decimal

MERCHANT_NAME = "Esteira Sandbox"
MERCHANT_CITY = "Sao Paulo"


def br_code(url: str, amount: Decimal, *, name: str = MERCHANT_NAME, city: str = MERCHANT_CITY) -> str:
    """The dynamic BR Code of one charge. `url` (no scheme, at most 77 characters) is where the bank looks it up."""
    account = _field("00", "br.gov.bcb.pix") + _field("25", url)
    payload = "".join([
        _field("00", "01"),
        _field("01", "12"),
        _field("26", account),
        _field("52", "0000"),
        _field("53", "986"),
        _field("54", f"{amount:.2f}"),
        _field("58", "BR"),
        _field("59", _plain(name)[:25]),
        _field("60", _plain(city)[:15]),
        _field("62", _field("05", "***")),
        "6304",
    ])  # fmt: skip
    return f"{payload}{crc16(payload.encode('ascii')):04X}"


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, no reflection."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _bit in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _field(tag: str, value: str) -> str:
    if len(value) > 99:
        raise ValueError(f"Field {tag} is longer than 99 characters.")
    return f"{tag}{len(value):02d}{value}"


def _plain(text: str) -> str:
    """`text` in ASCII: banks' apps disagree on accents."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
