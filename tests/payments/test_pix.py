"""The sandbox's BR Code can be read by a bank's app."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from config.money import from_minor_units, to_minor_units
from payments.sandbox.pix import br_code, crc16

CENTAVOS = st.integers(min_value=1, max_value=99_999_999)
URLS = st.from_regex(r"[a-z0-9.]{1,40}/pix/[a-z0-9_]{1,27}", fullmatch=True)
NAMES = st.text(st.characters(codec="latin-1", categories=["L", "Zs"]), min_size=1, max_size=60)


def parse(code: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    while code:
        tag, length = code[:2], int(code[2:4])
        assert tag not in fields
        fields[tag], code = code[4 : 4 + length], code[4 + length :]
        assert len(fields[tag]) == length
    return fields


def test_the_checksum_is_ccitt_false() -> None:
    assert crc16(b"123456789") == 0x29B1


@given(centavos=CENTAVOS, url=URLS, name=NAMES, city=NAMES)
def test_a_br_code_can_be_read_back(centavos: int, url: str, name: str, city: str) -> None:
    code = br_code(url, Decimal(centavos).scaleb(-2), name=f"A{name}", city=f"B{city}")
    fields = parse(code)

    assert list(fields) == sorted(fields)
    assert fields["00"] == "01"
    assert parse(fields["26"]) == {"00": "br.gov.bcb.pix", "25": url}
    assert (fields["52"], fields["53"], fields["58"]) == ("0000", "986", "BR")
    assert to_minor_units(Decimal(fields["54"]), "BRL") == centavos
    assert 1 <= len(fields["59"]) <= 25
    assert 1 <= len(fields["60"]) <= 15
    assert parse(fields["62"]) == {"05": "***"}
    assert int(fields["63"], 16) == crc16(code[:-4].encode("ascii"))


@given(centavos=CENTAVOS, currency=st.sampled_from(["BRL", "USD", "JPY"]))
def test_minor_units_survive_the_round_trip_to_the_provider(centavos: int, currency: str) -> None:
    assert to_minor_units(from_minor_units(centavos, currency), currency) == centavos
