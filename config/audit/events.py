"""What the audit log can tell of, by name. Each app makes its own events; the log's page shows them by label."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_known: dict[str, "AuditEvent"] = {}


@dataclass(frozen=True)
class AuditEvent:
    """`name` is what the log keeps (`order.ship`), `label` what it says ("marked as shipped"). Made once, at import."""

    name: str
    label: Union[str, "_StrPromise"]

    def __post_init__(self) -> None:
        if _known.setdefault(self.name, self) is not self:
            raise ValueError(f"There are two events called {self.name}.")


def label_for(name: str) -> str:
    """What the event of this name says in the reader's language; one that is no longer known says its name."""
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
