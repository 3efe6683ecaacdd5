"""What can be done, by name. An app names its own verbs; the log's page knows them all by their words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_known: dict[str, "Verb"] = {}


@dataclass(frozen=True)
class Verb:
    """`name` is what the log keeps (`order.ship`), `words` what it says ("marked as shipped"). Made once, at import."""

    name: str
    words: Union[str, "_StrPromise"]

    def __post_init__(self) -> None:
        if _known.setdefault(self.name, self) is not self:
            raise ValueError(f"There are two verbs called {self.name}.")


def words_for(name: str) -> str:
    """What the verb of this name says in the reader's language; one that is no longer known says its name."""
    verb = _known.get(name)
    return str(verb.words) if verb else name


def all_verbs() -> list[Verb]:
    return sorted(_known.values(), key=lambda verb: verb.name)


ADD = Verb("row.add", _("added"))
CHANGE = Verb("row.change", _("changed"))
DELETE = Verb("row.delete", _("deleted"))
SIGN_IN = Verb("account.sign_in", _("signed in"))
SIGN_IN_FAILED = Verb("account.sign_in_failed", _("failed to sign in"))
SIGN_OUT = Verb("account.sign_out", _("signed out"))
