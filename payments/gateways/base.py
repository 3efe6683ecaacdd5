"""What a provider of payments can do, and what it can answer.

A gateway speaks to the network and writes nothing. Whatever leaves in doubt whether money moved is an outcome of the
kind `unknown`, never an exception; `PaymentUnavailable` means that the provider surely did nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

PIX = "pix"

OutcomeKind = Literal["approved", "declined", "action", "unknown", "cancelled"]
RefundKind = Literal["succeeded", "failed", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What the shopper has to do: go to `url`, or pay `qr_code` (Pix copy-and-paste text) until `expires_at`."""

    type: Literal["redirect", "pix"]
    url: str = ""
    qr_code: str = ""
    expires_at: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """The document that the API shows and the attempt stores."""
        if self.type == "redirect":
            return {"type": "redirect", "url": self.url}
        expires_at = self.expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z") if self.expires_at else ""
        return {"type": "pix", "qr_code": self.qr_code, "expires_at": expires_at}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of an attempt. `captured` is what the provider holds for us by its own word, before refunds.

    `currency` goes with money that was captured.
    """

    kind: OutcomeKind
    provider_reference: str = ""
    action: Action | None = None
    decline_code: str = ""
    message: str = ""
    captured: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundOutcome:
    kind: RefundKind
    provider_reference: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizeRequest:
    """One charge to ask for. `method_token` is the provider's token or `pix`; `expires_at` limits what waits for the
    shopper; `return_url` is where a redirect comes back to."""

    attempt_id: UUID
    amount: Decimal
    currency: str
    method_token: str
    description: str
    return_url: str
    expires_at: datetime | None = None
    capture_now: bool = True
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LostAttempt:
    """An attempt whose answer never came, so that the provider's reference to it is not known."""

    attempt_id: UUID
    amount: Decimal
    currency: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRequest:
    refund_id: UUID
    provider_reference: str
    amount: Decimal
    currency: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEvent:
    """A verified message of the provider. `payload` is fit to be stored; `attempt_id` and `outcome` are set where it
    tells of an attempt."""

    event_id: str
    type: str
    payload: dict[str, Any]
    provider_reference: str = ""
    attempt_id: UUID | None = None
    outcome: Outcome | None = None


class Gateway(Protocol):
    """A provider. Every call but the parsing of webhooks uses the network: never call one inside a transaction.

    Raises PaymentUnavailable where the provider surely did nothing.
    """

    name: str

    def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Ask for the money. The attempt's id is the idempotency key."""

    def ensure_available(self, method_token: str) -> None:
        """Raise PaymentUnavailable where `authorize` would without a call, since others have failed. No network while
        all is well."""

    def is_available(self, method_token: str) -> bool:
        """Whether payments by this method went well lately, as far as is known. No network."""

    def capture(self, provider_reference: str, amount: Decimal, currency: str, idempotency_key: str) -> Outcome:
        """Take money that was authorized with `capture_now=False`."""

    def void(self, provider_reference: str, idempotency_key: str) -> Outcome:
        """Give up an attempt that captured nothing. The outcome is the truth afterwards: it may be `approved`."""

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Pay back. Safe to repeat for the same refund at any time."""

    def retrieve(self, provider_reference: str) -> Outcome:
        """Ask what became of an attempt that the provider named."""

    def search(self, lost: LostAttempt) -> Outcome:
        """Ask what became of an attempt that the provider never named, and make sure that nothing comes of it later
        where it finds nothing: then `cancelled`."""

    def captured_between(self, first: datetime, last: datetime) -> Iterator[tuple[str, Outcome]]:
        """Every charge created in between that took money: the attempt's key ("" for a charge that is not ours) and
        its outcome. Raises PaymentUnavailable while iterated."""

    def parse_webhook(self, raw: bytes, signature: str) -> ProviderEvent:
        """Verify and read a message. Raises InvalidSignature. No network."""

    def read_event(self, payload: dict[str, Any]) -> ProviderEvent:
        """Read a message that was verified and stored before."""
