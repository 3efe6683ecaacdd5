"""Brazilian postal codes (CEP): parsing, formatting, the state they belong to, and address lookup."""

import json
import logging
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from config.cache import cached, declare
from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, ProviderFailure, breaker
from config.resilience.http import Call, CallFailed, send
from shipping.exceptions import InvalidPostalCode

logger = logging.getLogger(__name__)

LOOKUP_SECONDS = 1.0
CACHE_SECONDS = 24 * 60 * 60
CACHE_NAME = "postal_codes"
MAX_ANSWER_BYTES = 16 * 1024
MAX_NAME_LENGTH = 120

declare(CACHE_NAME, of=dict[str, str | None])

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


@dataclass(frozen=True)
class AddressHint:
    """What is known about the address of a postal code; None for unknown fields."""

    postal_code: str
    state: str | None = None
    city: str | None = None
    district: str | None = None
    street: str | None = None


class PostalCodesUnavailable(ProviderFailure):
    """The lookup service timed out, was unreachable or sent an invalid answer."""


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


def look_up(postal_code: str) -> AddressHint:
    """Look up the address of a normalised postal code.

    Calls the service at `POSTAL_CODE_API_BASE` (ViaCEP's API) with a timeout of one second, and caches the answer for a
    day. If that setting is empty or the service is unavailable, only the state is known, from the ranges. Never raises
    for a provider failure. Not to be called inside a transaction.
    """
    local = AddressHint(postal_code, state=state_of(postal_code) or None)
    if not settings.POSTAL_CODE_API_BASE or local.state is None:
        return local
    refuse_in_transaction("The postal code lookup")
    try:
        found = cached(CACHE_NAME, postal_code, CACHE_SECONDS, lambda: _fetch_address(postal_code))
    except BreakerOpen:
        return local
    except PostalCodesUnavailable as error:
        logger.warning("Postal code lookup failed: %s", error)
        return local
    return AddressHint(postal_code, state=local.state, **found)


def _fetch_address(postal_code: str) -> dict[str, str | None]:
    """City, district and street from the service. Raises PostalCodesUnavailable or BreakerOpen."""
    with breaker("postal_codes").calling():
        answer = _get(f"/ws/{postal_code}/json/")
    fields = {"city": "localidade", "district": "bairro", "street": "logradouro"}
    return {field: _clean(answer.get(key)) for field, key in fields.items()}


def _get(path: str) -> dict[str, Any]:
    """One GET; empty for an unknown code (400, 404 or an answer with `erro`). Raises PostalCodesUnavailable."""
    call = Call(
        service="postal_codes",
        base=settings.POSTAL_CODE_API_BASE,
        path=path,
        seconds=LOOKUP_SECONDS,
        max_bytes=MAX_ANSWER_BYTES,
        headers={"Accept": "application/json"},
    )
    try:
        answer = send(call)
    except CallFailed as error:
        raise PostalCodesUnavailable(str(error)) from error
    if answer.status in (400, 404):
        return {}
    if answer.status != 200:
        raise PostalCodesUnavailable(f"status {answer.status}")
    return _parse(answer.body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PostalCodesUnavailable("the answer is not JSON") from error
    if not isinstance(facts, dict):
        raise PostalCodesUnavailable("the answer is not a JSON object")
    return {} if facts.get("erro") else facts


def _clean(value: object) -> str | None:
    """Sanitise external text: printable, on one line, of limited length; None if nothing is left."""
    if not isinstance(value, str):
        return None
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(printable.split())[:MAX_NAME_LENGTH] or None
