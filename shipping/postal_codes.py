"""Brazilian postal codes (CEP): parsing, formatting, and the state they belong to."""

import re
import unicodedata
from bisect import bisect_right

from shipping.exceptions import InvalidPostalCode

# Spaces, dots and all kinds of dashes that keyboards and spreadsheets insert.
_SEPARATORS = re.compile(r"[\s.\u00ad\u2010-\u2015\u2212\u200b\ufeff-]+")
EIGHT_DIGITS = re.compile(r"[0-9]{8}")

state_names = {
    "AC": "Acre",
    "AL": "Alagoas",
    "AM": "Amazonas",
    "AP": "Amapá",
    "BA": "Bahia",
    "CE": "Ceará",
    "DF": "Distrito Federal",
    "ES": "Espírito Santo",
    "GO": "Goiás",
    "MA": "Maranhão",
    "MG": "Minas Gerais",
    "MS": "Mato Grosso do Sul",
    "MT": "Mato Grosso",
    "PA": "Pará",
    "PB": "Paraíba",
    "PE": "Pernambuco",
    "PI": "Piauí",
    "PR": "Paraná",
    "RJ": "Rio de Janeiro",
    "RN": "Rio Grande do Norte",
    "RO": "Rondônia",
    "RR": "Roraima",
    "RS": "Rio Grande do Sul",
    "SC": "Santa Catarina",
    "SE": "Sergipe",
    "SP": "São Paulo",
    "TO": "Tocantins",
}

# First and last five digits of each range, in order. 78900 to 78999 are unassigned.
STATE_RANGES: tuple[tuple[int, int, str], ...] = (
    (1000, 19999, "SP"),
    (20000, 28999, "RJ"),
    (29000, 29999, "ES"),
    (30000, 39999, "MG"),
    (40000, 48999, "BA"),
    (49000, 49999, "SE"),
    (50000, 56999, "PE"),
    (57000, 57999, "AL"),
    (58000, 58999, "PB"),
    (59000, 59999, "RN"),
    (60000, 63999, "CE"),
    (64000, 64999, "PI"),
    (65000, 65999, "MA"),
    (66000, 68899, "PA"),
    (68900, 68999, "AP"),
    (69000, 69299, "AM"),
    (69300, 69399, "RR"),
    (69400, 69899, "AM"),
    (69900, 69999, "AC"),
    (70000, 72799, "DF"),
    (72800, 72999, "GO"),
    (73000, 73699, "DF"),
    (73700, 76799, "GO"),
    (76800, 76999, "RO"),
    (77000, 77999, "TO"),
    (78000, 78899, "MT"),
    (79000, 79999, "MS"),
    (80000, 87999, "PR"),
    (88000, 89999, "SC"),
    (90000, 99999, "RS"),
)
_STARTS = [first for first, _last, _state in STATE_RANGES]


def normalise(text: str) -> str:
    """The 8 digits of `text` in any common format: "01310-200", "01.310 200", full-width. Raises InvalidPostalCode."""
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text[:64]))
    if len(text) > 64 or not EIGHT_DIGITS.fullmatch(digits):
        raise InvalidPostalCode
    return digits


def display(postal_code: str) -> str:
    """Formatted as 01310-200. `postal_code` must be normalised."""
    return f"{postal_code[:5]}-{postal_code[5:]}"


def state_of(postal_code: str) -> str:
    """The two-letter state of a normalised postal code; "" if unassigned."""
    prefix = int(postal_code[:5])
    position = bisect_right(_STARTS, prefix) - 1
    if position < 0:
        return ""
    _first, last, state = STATE_RANGES[position]
    return state if prefix <= last else ""
