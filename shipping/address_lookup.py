"""The street behind a postal code, from outside services: ViaCEP first, BrasilAPI if that one is away.

Each call has a deadline and a circuit breaker. What a service answers is cached for all. It is a convenience: where
nobody answers, the form is filled in by hand.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from config.cache import cached, declare
from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, ProviderFailure, breaker
from config.resilience.http import Call, CallFailed, Response, send
from shipping.exceptions import PostalCodeUnknown
from shipping.postal_codes import state_of

logger = logging.getLogger(__name__)

LOOKUP_SECONDS = 1.0
DAY = 24 * 60 * 60
# Streets hardly change. New codes come to the services within days.
KNOWN_SECONDS, UNKNOWN_SECONDS = 30 * DAY, DAY
CACHE_NAME = "postal_codes"
MAX_ANSWER_BYTES = 16 * 1024
MAX_NAME_LENGTH = 120

# Empty for a code that does not exist.
Found = dict[str, str | None]

declare(CACHE_NAME, of=Found)


@dataclass(frozen=True)
class AddressHint:
    """What is known about the address of a postal code; None for unknown fields.

    A small town has one code for all its streets: then there is a city, but no street.
    """

    postal_code: str
    state: str | None = None
    city: str | None = None
    district: str | None = None
    street: str | None = None

    @property
    def is_precise(self) -> bool:
        """Whether it is the code of one street."""
        return self.street is not None

    @property
    def is_town_wide(self) -> bool:
        return self.city is not None and self.street is None


class PostalCodesUnavailable(ProviderFailure):
    """The service timed out, was unreachable or sent an invalid answer."""


@dataclass(frozen=True)
class Service:
    """A look-up service: its breaker, where it is, and what its answers look like."""

    breaker: str
    base: str
    path: str
    # Its names for our fields.
    names: Mapping[str, str]
    # Whether an answer of this status, with these facts, says that there is no such code.
    says_unknown: Callable[[int, dict[str, Any]], bool]

    def fetch(self, postal_code: str) -> Found:
        """What is known of the code; empty if it does not exist. Raises PostalCodesUnavailable or BreakerOpen."""
        with breaker(self.breaker).calling():
            facts = self._parse(self._get(postal_code))
            return {field: _clean(facts.get(name)) for field, name in self.names.items()} if facts else {}

    def _get(self, postal_code: str) -> Response:
        call = Call(
            service=self.breaker,
            base=self.base,
            path=self.path.format(postal_code),
            seconds=LOOKUP_SECONDS,
            max_bytes=MAX_ANSWER_BYTES,
            headers={"Accept": "application/json"},
        )
        try:
            return send(call)
        except CallFailed as error:
            raise PostalCodesUnavailable(str(error)) from error

    def _parse(self, answer: Response) -> dict[str, Any]:
        facts = _facts_in(answer.body)
        if self.says_unknown(answer.status, facts):
            return {}
        if answer.status != 200:
            raise PostalCodesUnavailable(f"status {answer.status}")
        if not facts:
            raise PostalCodesUnavailable("the answer is not a JSON object")
        return facts


def _facts_in(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; empty if it is none."""
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _unknown_to_viacep(status: int, facts: dict[str, Any]) -> bool:
    """It says so with status 200, in a text or a boolean. Status 400 is for what it takes for malformed."""
    return status in (400, 404) or (status == 200 and bool(facts.get("erro")))


def _unknown_to_brasilapi(status: int, facts: dict[str, Any]) -> bool:
    """It asks other services, and answers 404 as well if none of them can be reached: one must have said so."""
    causes = facts.get("errors")
    said = (
        [str(cause.get("message")) for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
    )
    return status == 400 or (status == 404 and any("encontrado" in text.casefold() for text in said))


def look_up(postal_code: str) -> AddressHint:
    """Look up the address of a normalised postal code. Raises PostalCodeUnknown if there is no such code.

    Takes at most a second for each service. If none is configured or answers, only the state is known, from the ranges.
    Never raises for a provider failure. Not to be called inside a transaction.
    """
    state = state_of(postal_code)
    if not state:
        raise PostalCodeUnknown
    services = list(_configured())
    if not services:
        return AddressHint(postal_code, state=state)
    refuse_in_transaction("The postal code lookup")
    question = _Question(services, postal_code)
    try:
        # Who asks for the same code meanwhile waits for the answer, which comes by then or not at all.
        wait = LOOKUP_SECONDS * len(services)
        found = cached(CACHE_NAME, postal_code, question.keep_seconds, question.ask, wait=wait)
    except (BreakerOpen, PostalCodesUnavailable):
        return AddressHint(postal_code, state=state)
    if not found:
        raise PostalCodeUnknown
    return AddressHint(postal_code, state=state, **found)


def _configured() -> Iterator[Service]:
    if base := settings.POSTAL_CODE_API_BASE:
        names = {"city": "localidade", "district": "bairro", "street": "logradouro"}
        yield Service("postal_codes", base, "/ws/{}/json/", names, _unknown_to_viacep)
    if base := settings.POSTAL_CODE_SECOND_API_BASE:
        names = {"city": "city", "district": "neighborhood", "street": "street"}
        yield Service("postal_codes_second", base, "/api/cep/v2/{}", names, _unknown_to_brasilapi)


class _Question:
    """One postal code, asked of each service until one knows it: each lacks some codes, of small towns above all."""

    def __init__(self, services: list[Service], postal_code: str) -> None:
        self._services, self._postal_code = services, postal_code
        self._found: Found = {}

    def ask(self) -> Found:
        """Empty if the code is unknown. Raises a service's PostalCodesUnavailable or BreakerOpen if none answers."""
        failure: BreakerOpen | PostalCodesUnavailable | None = None
        answered = False
        for service in self._services:
            try:
                self._found = service.fetch(self._postal_code)
            except BreakerOpen as error:
                failure = error
            except PostalCodesUnavailable as error:
                logger.warning("Postal code lookup failed at %s: %s", service.breaker, error)
                failure = error
            else:
                answered = True
                if self._found:
                    break
        if failure and not answered:
            raise failure
        return self._found

    def keep_seconds(self) -> float:
        return KNOWN_SECONDS if self._found else UNKNOWN_SECONDS


def _clean(value: object) -> str | None:
    """Sanitise external text: printable, on one line, of limited length; None if nothing is left."""
    if not isinstance(value, str):
        return None
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(printable.split())[:MAX_NAME_LENGTH] or None
