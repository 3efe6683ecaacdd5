"""The base of every refusal: something the shop will not do, with a message that says what to do instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import GenericAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Fact:
    """A detail of a refusal that clients may see: its description in the OpenAPI document, and its type."""

    description: str
    kind: type | GenericAlias = str  # or int, or a list of a TypedDict of these


class Refusal(Exception):
    """A rule of the shop refuses a request.

    `code` is for clients to switch on, `status` the HTTP status that goes with it. `title` names the kind of problem;
    if it is empty, the status' own phrase does. `message` is a translated sentence for people. `details` are extra
    facts (JSON-serialisable), of which clients see those in `shows`.
    """

    code = "invalid"
    status = 422
    title: str | Promise = _("The request is not valid")
    message: str | Promise = _("This request cannot be completed.")
    shows: Mapping[str, Fact] = {}

    def __init_subclass__(cls) -> None:
        """A title belongs to its code: a subclass with its own code does not inherit the title."""
        super().__init_subclass__()
        inherited = super(cls, cls).code  # type: ignore[misc]  # mypy looks above Refusal, not above cls
        if cls.code != inherited and "title" not in vars(cls):
            cls.title = ""

    def __init__(self, message: str | Promise | None = None, **details: object) -> None:
        if message is not None:
            self.message = message
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


class NotFound(Refusal):
    code = "not_found"
    status = 404
    title = _("Not found")
    message = _("There is nothing at this address.")
