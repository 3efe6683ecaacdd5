"""What a mail about an order says, and how mails of one kind are written."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from checkout.models import Order, OrderLine, PackedUnits


@dataclass(frozen=True)
class Letter:
    """What a mail says: `facts` are named values such as a code, `units` what it is about."""

    subject: str
    paragraphs: list[str] = field(default_factory=list)
    units: Sequence[PackedUnits | OrderLine] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    # A text to copy, too long for a fact.
    code: str = ""
    # Where its main button leads, if not to the order's page.
    link: str = ""
    link_text: str = ""
    # Its files in `checkout/email/`, as text and as HTML.
    template: str = "letter"
    # Tells it from an earlier mail about the same: a corrected code makes another mail, not a repeated one.
    version: str = ""


Write = Callable[[Order, Any], Letter | None]
Load = Callable[[Collection[UUID]], Mapping[UUID, Any]]


@dataclass(frozen=True)
class LetterType:
    """How mails of one kind are written.

    `write` gets an order with its goods, and the topic: what `load` has found for the subject of the outbox row, or
    None. It puts the mail into the active language, or returns None if it is no longer true; then it is not sent.
    `load` reads the topics of a whole batch by primary key, in a number of statements that does not depend on theirs.
    """

    write: Write
    load: Load | None = None
    # Goes to NEW_ORDER_MAILS in the shop's language, not to the shopper in the order's.
    is_for_staff: bool = False
