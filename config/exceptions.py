"""The root of every refusal: something the shop will not do, said in a sentence that tells what to do instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import GenericAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Fact:
    """One of a refusal's details that clients may see: what the API's document says of it, and its type."""

    description: str
    kind: type | GenericAlias = str  # or int, or a list of a TypedDict of these


class Refusal(Exception):
    """A rule said no.

    `code` is what the API shows and clients switch on; `status` is the HTTP status that goes with it; `title` says what
    kind of problem the code stands for, and where it is empty the status' own phrase does; `message` is a translated
    sentence for a person. `details` are extra facts for the answer (JSON-serialisable), of which clients see those in
    `shows`.
    """

    code = "invalid"
    status = 422
    title: str | Promise = _("The request is not valid")
    message: str | Promise = _("This cannot be done as asked.")
    shows: Mapping[str, Fact] = {}

    def __init_subclass__(cls) -> None:
        """A title belongs to its code: a subclass with a code of its own does not inherit it."""
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
