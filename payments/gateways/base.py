"""The payment gateway protocol and the values it exchanges.

A gateway makes network calls and writes nothing to the database. When it is unclear whether money moved, the outcome is
of kind `unknown`, never an exception; `PaymentUnavailable` means that the provider certainly did nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

PIX = "pix"

# "authorized": reserved at the bank and not captured; see `payments.provider`, which captures or voids it at once.
OutcomeKind = Literal["approved", "authorized", "declined", "action", "unknown", "cancelled"]
RefundKind = Literal["succeeded", "pending", "failed", "unknown"]
KeyUse = Literal["free", "used", "unclear"]
DisputeKind = Literal["warning", "needs_response", "under_review", "won", "lost", "closed"]
# What an event is about: an attempt's outcome, what became of a captured charge, a warning of fraud, nothing that we
# need, or a type that we do not know.
Subject = Literal["outcome", "charge", "warning", "nothing", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """The shopper's next step: open `url`, or pay `qr_code` (Pix copy-and-paste text) before `expires_at`."""

    type: Literal["redirect", "pix"]
    url: str = ""
    qr_code: str = ""
    expires_at: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """The JSON that the API returns and the attempt stores."""
        if self.type == "redirect":
            return {"type": "redirect", "url": self.url}
        expires_at = self.expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z") if self.expires_at else ""
        return {"type": "pix", "qr_code": self.qr_code, "expires_at": expires_at}


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchProgress:
    """How far a lost attempt was looked for: see `payments.models.AttemptSearch`."""

    key_used_at: datetime
    searched_to: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of an attempt. `captured` is the amount the provider reports as captured, before refunds.

    `currency` is set when money was captured. `is_idle`: the charge waits for a call of ours, and none will come.
    `search`: how far it was looked for, if the outcome is still unknown.
    """

    kind: OutcomeKind
    provider_reference: str = ""
    action: Action | None = None
    decline_code: str = ""
    message: str = ""
    captured: Decimal | None = None
    currency: str = ""
    is_idle: bool = False
    search: SearchProgress | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundOutcome:
    """`already_done`: the provider refused because nothing is left of the charge, so look at what became of it."""

    kind: RefundKind
    provider_reference: str = ""
    message: str = ""
    already_done: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderRefund:
    """A refund at the provider. `refund_id` is ours, None if somebody else made it."""

    provider_reference: str
    refund_id: UUID | None
    amount: Decimal
    outcome: RefundOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderDispute:
    """A dispute at the provider; see `payments.models.Dispute` for its fields."""

    provider_reference: str
    reason: str
    amount: Decimal
    withdrawn: Decimal
    status: DisputeKind
    due_by: datetime | None
    opened_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderCharge:
    """What became of one charge: captured, and every refund and dispute of it, oldest first."""

    captured: Decimal
    refunds: tuple[ProviderRefund, ...]
    disputes: tuple[ProviderDispute, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CapturedCharge:
    """A charge in the provider's list. `attempt_key` is "" if it is not ours; `refunded` counts pending refunds."""

    attempt_key: str
    outcome: Outcome
    refunded: Decimal
    is_disputed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizeRequest:
    """One charge. `method_token` is a provider token or `pix`; `expires_at` limits the wait for the shopper (Pix);
    `return_url` is where a redirect returns to."""

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
    """An attempt whose response was lost, so its provider reference is unknown."""

    attempt_id: UUID
    amount: Decimal
    currency: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRequest:
    """`refund_reference` is the provider's name of this refund, once it is known."""

    refund_id: UUID
    provider_reference: str
    amount: Decimal
    currency: str
    reason: str = ""
    refund_reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEvent:
    """A verified webhook event. `payload` is safe to store; `outcome` is set if it is about an attempt's outcome,
    `warning` if it is one. `attempt_id` is set if it names an attempt of ours."""

    event_id: str
    type: str
    payload: dict[str, Any]
    provider_reference: str = ""
    attempt_id: UUID | None = None
    subject: Subject = "nothing"
    outcome: Outcome | None = None
    warning: ProviderDispute | None = None


class Gateway(Protocol):
    """A payment provider. Methods use the network unless they say otherwise: never call them inside a transaction.

    They raise PaymentUnavailable when the provider certainly did nothing.

    `longest_request` is the longest that the provider works on one call, `key_lifetime` how long it surely remembers an
    idempotency key.
    """

    name: str
    longest_request: timedelta
    key_lifetime: timedelta

    def authorize(self, request: AuthorizeRequest) -> Outcome:
        """Create and confirm the charge. The attempt's id is the idempotency key."""

    def ensure_available(self, method_token: str) -> None:
        """Raise PaymentUnavailable if the circuit is open and `authorize` would be rejected. No network call while the
        circuit is closed."""

    def is_available(self, method_token: str) -> bool:
        """Whether the circuit for this method is closed and its last call did not fail. No network."""

    def capture(self, provider_reference: str, amount: Decimal, currency: str, idempotency_key: str) -> Outcome:
        """Capture money that was authorized with `capture_now=False`."""

    def void(self, provider_reference: str) -> Outcome:
        """Cancel an attempt that captured nothing. Returns its actual state afterwards, which may be `approved`. Safe
        to repeat: no answer is kept under an idempotency key."""

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Refund, or tell how far it is. Safe to repeat for the same refund at any time."""

    def charge(self, provider_reference: str) -> ProviderCharge:
        """What became of a charge. Raises PaymentUnavailable."""

    def retrieve(self, provider_reference: str) -> Outcome:
        """The current outcome of an attempt whose provider reference is known."""

    def use_up_key(self, lost: LostAttempt) -> KeyUse:
        """Use up the idempotency key of a lost attempt, so that its call can do nothing from now on.

        `free`: no call had come under it. `used`: one had come before. `unclear`: one is under way, or the provider
        failed; ask again.
        """

    def find(self, lost: LostAttempt, first: datetime, last: datetime) -> Outcome | None:
        """The outcome of a lost attempt if its charge was created in [first, last). Reads all that was created then.
        Raises PaymentUnavailable."""

    def captured_between(self, first: datetime, last: datetime) -> Iterator[CapturedCharge]:
        """Every charge created in [first, last) that captured money. Raises PaymentUnavailable during iteration."""

    def events_between(self, first: datetime, last: datetime) -> Iterator[ProviderEvent]:
        """Every event of [first, last) about what became of a charge. Raises PaymentUnavailable during iteration."""

    def parse_webhook(self, raw: bytes, signature: str) -> ProviderEvent:
        """Verify and parse a webhook. Raises InvalidSignature, and MalformedEvent for what is signed. No network."""

    def read_event(self, payload: dict[str, Any]) -> ProviderEvent:
        """Parse a stored event that was verified on receipt. No network."""
