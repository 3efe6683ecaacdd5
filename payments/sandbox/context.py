"""What requests, controls and the clock work with. Everything runs inside the store's transaction."""

from dataclasses import dataclass

from payments.sandbox.faults import Fault, Faults
from payments.sandbox.store import Document, Store
from payments.sandbox.wire import missing

LATER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Context:
    """The store, the faults that are on, and the URL at which the shopper's browser reaches the sandbox."""

    store: Store
    faults: Faults
    public_url: str = ""

    def get(self, kind: str, identifier: str, *, param: str = "id", status: int = 404) -> Document:
        """The document. Raises ApiError if it does not exist."""
        document = self.store.get(kind, identifier)
        if document is None:
            raise missing(kind, identifier, param=param, status=status)
        return document

    def fault(self, kind: str) -> Fault | None:
        """The fault of this kind, if one strikes now. Counts as a hit."""
        return self.faults.hit(lambda fault: fault.kind == kind)

    def webhook_fault(self, kind: str, event_type: str) -> Fault | None:
        """The fault of this kind that strikes an event of this type, if one does. Counts as a hit."""
        return self.faults.hit(lambda fault: fault.concerns(kind, event_type))

    def happen_later(self, what: str, subject: str, argument: str, seconds: float | None = None) -> None:
        """Let `later` do this once `seconds` have passed; by default as many as are set for the whole sandbox."""
        if seconds is None:
            seconds = float(self.store.fact("later_seconds", str(LATER_SECONDS)))
        self.store.schedule(what, subject, argument, self.store.moment() + seconds)
