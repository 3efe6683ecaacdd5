"""Audit events by name. Each app defines its own; the log's page shows their labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_known: dict[str, "AuditEvent"] = {}


@dataclass(frozen=True)
class AuditEvent:
    """`name` is stored in the log (`order.ship`), `label` is shown ("marked as shipped"). Defined once, at import."""

    name: str
    label: Union[str, "_StrPromise"]

    def __post_init__(self) -> None:
        if _known.setdefault(self.name, self) is not self:
            raise ValueError(f"There are two audit events called {self.name}.")


def label_for(name: str) -> str:
    """The event's label in the reader's language; the name itself if the event no longer exists."""
    event = _known.get(name)
    return str(event.label) if event else name


def all_events() -> list[AuditEvent]:
    return sorted(_known.values(), key=lambda event: event.name)


ADD = AuditEvent("row.add", _("added"))
CHANGE = AuditEvent("row.change", _("changed"))
DELETE = AuditEvent("row.delete", _("deleted"))
SIGN_IN = AuditEvent("account.sign_in", _("signed in"))
SIGN_IN_FAILED = AuditEvent("account.sign_in_failed", _("failed to sign in"))
SIGN_OUT = AuditEvent("account.sign_out", _("signed out"))
