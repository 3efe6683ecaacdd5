"""What is written about money.

Two kinds of verbs, never mixed: those that call the provider refuse to run inside a transaction and write nothing
(`authorize`, `ask_provider`, `void`), and those that write lock the payment's row first, then the attempt's.
`refund` does both, one after the other. No amount, token or personal datum is logged.
"""

import logging
import re
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.audit import services as audit
from config.audit.services import Actor
from config.audit.verbs import Verb
from config.locks import refuse_in_transaction, require_transaction
from config.money import ZERO
from payments.exceptions import (
    InvalidPaymentMethod,
    PaymentInProgress,
    PaymentSettled,
    PaymentUnavailable,
    RefundRefused,
)
from payments.gateways import gateway
from payments.gateways.base import (
    PIX,
    AuthorizeRequest,
    LostAttempt,
    Outcome,
    ProviderEvent,
    RefundOutcome,
    RefundRequest,
)
from payments.models import Payment, PaymentAttempt, Refund, StrayCharge, WebhookEvent

logger = logging.getLogger(__name__)

REFUND = Verb("refund.begin", _("began to pay back"))
DEAL_WITH_STRAY = Verb("stray_charge.deal", _("dealt with a charge of no order"))
REFUND_AGAIN = Verb("refund.again", _("asked for the same refund again"))

# A token of the provider, and nothing that could be a card number.
_METHOD_TOKEN = re.compile(r"pm_[A-Za-z0-9_]{4,240}")
# A call that began so short a time ago may still be under way in another process: nobody asks about it yet.
_CALL_MARGIN = timedelta(seconds=5)

_STATUS_OF_ATTEMPT = {
    PaymentAttempt.Status.DECLINED: Payment.Status.FAILED,
    PaymentAttempt.Status.CANCELLED: Payment.Status.CANCELLED,
}


# --- Opening ----------------------------------------------------------------------------------------------------------


def check_method_token(method_token: str) -> str:
    """`method_token` if it is `pix` or a token of the provider. Raises InvalidPaymentMethod, which quotes nothing."""
    if method_token != PIX and not _METHOD_TOKEN.fullmatch(method_token):
        raise InvalidPaymentMethod
    return method_token


def open_payment(
    reference: str, amount: Decimal, currency: str, method_token: str, *, expires_at: datetime | None
) -> PaymentAttempt:
    """Create a payment and its first attempt, in the caller's transaction. One statement.

    Commit it before `authorize`. `expires_at` is when an attempt that waits for the shopper is given up. Raises
    InvalidPaymentMethod, and IntegrityError where `reference` has a payment already.
    """
    require_transaction()
    now = timezone.now()
    payment = Payment(
        reference=reference,
        amount=amount,
        currency=currency,
        provider=gateway().name,
        method=_method_of(method_token),
        created_at=now,
        updated_at=now,
    )
    attempt = PaymentAttempt(payment=payment, method_token=method_token, created_at=now, expires_at=expires_at)
    Payment.objects.create_with_attempt(payment, attempt)
    return attempt


def new_attempt(payment: Payment, method_token: str, *, expires_at: datetime | None) -> PaymentAttempt:
    """Begin another attempt of a payment whose last one failed, in the caller's transaction. Locks the payment.

    Raises PaymentInProgress while an attempt is unsettled, PaymentSettled where the money is there, and
    InvalidPaymentMethod.
    """
    method = _method_of(method_token)
    locked = Payment.objects.locked().get(pk=payment.pk)
    if locked.status not in {Payment.Status.PENDING, Payment.Status.FAILED, Payment.Status.CANCELLED}:
        raise PaymentSettled
    if locked.attempts.filter(status__in=PaymentAttempt.UNSETTLED).exists():
        raise PaymentInProgress
    locked.status, locked.method = Payment.Status.PENDING, method
    locked.save(update_fields=["status", "method", "updated_at"])
    return PaymentAttempt.objects.create(payment=locked, method_token=method_token, expires_at=expires_at)


def _method_of(method_token: str) -> Payment.Method:
    return Payment.Method.PIX if check_method_token(method_token) == PIX else Payment.Method.CARD


# --- Calling ----------------------------------------------------------------------------------------------------------


def authorize(attempt: PaymentAttempt, *, description: str, return_url: str) -> Outcome:
    """Ask the provider for the money of a committed attempt, and write nothing: settle the outcome that comes back.

    Raises PaymentUnavailable where the provider surely did nothing (record `not_sent()` then). Doubt is an `unknown`.
    """
    refuse_in_transaction("The payment provider")
    payment = attempt.payment
    return gateway().authorize(
        AuthorizeRequest(
            attempt_id=attempt.pk,
            amount=payment.amount,
            currency=payment.currency,
            method_token=attempt.method_token,
            description=description,
            return_url=return_url,
            expires_at=attempt.expires_at,
            metadata={"order": payment.reference},
        )
    )


def not_sent() -> Outcome:
    """The outcome to record for an attempt that ended in PaymentUnavailable: nothing happened and nothing will."""
    return Outcome(kind="cancelled", message="The provider was not available.", captured=ZERO)


def ask_provider(attempt: PaymentAttempt) -> Outcome:
    """What the provider knows of the attempt. Writes nothing here; never charges.

    An attempt that the provider has never heard of is closed there for good and comes back as `cancelled`. One that is
    so young that its first call may be under way stays `unknown`, as does one while the provider is away.
    """
    refuse_in_transaction("The payment provider")
    try:
        if attempt.provider_reference:
            return gateway().retrieve(attempt.provider_reference)
        if may_be_under_way(attempt):
            return Outcome(kind="unknown", message="The first call may still be under way.")
        return gateway().search(
            LostAttempt(
                attempt_id=attempt.pk,
                amount=attempt.payment.amount,
                currency=attempt.payment.currency,
                started_at=attempt.created_at,
            )
        )
    except PaymentUnavailable:
        return Outcome(
            kind="unknown", provider_reference=attempt.provider_reference, message="The provider is not available."
        )


def void(attempt: PaymentAttempt) -> Outcome:
    """Give up an attempt that waits for the shopper, or whose outcome is unknown. Writes nothing here.

    The outcome is the truth afterwards: `approved` where the money came first. Raises PaymentUnavailable.
    """
    refuse_in_transaction("The payment provider")
    if not attempt.provider_reference:
        found = ask_provider(attempt)
        if found.kind != "action":
            return found
        return gateway().void(found.provider_reference, f"{attempt.pk}:void")
    return gateway().void(attempt.provider_reference, f"{attempt.pk}:void")


def may_be_under_way(attempt: PaymentAttempt) -> bool:
    """Whether the attempt's first call may still be waiting for its answer."""
    if attempt.status != PaymentAttempt.Status.STARTED:
        return False
    longest = timedelta(seconds=settings.PAYMENT_TIMEOUT_SECONDS) + _CALL_MARGIN
    return timezone.now() - attempt.created_at < longest


@transaction.atomic
def claim_stale(before: datetime, limit: int) -> list[PaymentAttempt]:
    """Attempts started before `before` with no known answer, for one sweep to ask about. Several may sweep at once."""
    return PaymentAttempt.objects.stale(before).claim(limit)


@transaction.atomic
def claim_expired(now: datetime, limit: int) -> list[PaymentAttempt]:
    """Attempts whose time is over, for one sweep to give up. Several may sweep at once."""
    return PaymentAttempt.objects.expired(now).claim(limit)


# --- Settling ---------------------------------------------------------------------------------------------------------


def record_outcome(attempt_id: UUID, outcome: Outcome) -> PaymentAttempt:
    """Write what came of an attempt, in the caller's transaction; locks attempt and payment. Safe to repeat.

    Returns the attempt with its payment, as they are afterwards. A settled attempt stays as it is, with one exception:
    captured money is a fact, so `approved` overrules `declined` and `cancelled` (a late Pix, say).
    """
    attempt = PaymentAttempt.objects.fetch_locked_with_payment(attempt_id)
    if not _may_become(attempt, outcome):
        return attempt
    attempt.status = PaymentAttempt.Status(outcome.kind)
    attempt.provider_reference = outcome.provider_reference or attempt.provider_reference
    attempt.captured = outcome.captured if outcome.captured is not None else attempt.captured
    attempt.action = outcome.action.as_json() if outcome.action else None
    attempt.decline_code = outcome.decline_code[:64]
    attempt.error = outcome.message[:500]
    attempt.settled_at = timezone.now() if attempt.is_settled else None
    if attempt.status == PaymentAttempt.Status.APPROVED and attempt.payment.status == Payment.Status.PENDING:
        # The first money of a payment: nothing can have been refunded yet, so there is nothing to add up.
        attempt.payment.status = Payment.Status.PAID
    else:
        attempt.payment.status = _status_after(attempt)
    PaymentAttempt.objects.write_with_payment(attempt)
    return attempt


def _may_become(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    if attempt.status == PaymentAttempt.Status.APPROVED:
        return False
    if attempt.is_settled:
        return outcome.kind == "approved"
    # "Unknown" tells nothing new of an attempt that waits for the shopper, unless it is the first answer.
    return outcome.kind != "unknown" or attempt.status != PaymentAttempt.Status.ACTION


def _status_after(latest: PaymentAttempt) -> Payment.Status:
    """A locked payment's status by its rows and its latest attempt, which need not be written yet: money first."""
    others = latest.payment.attempts.exclude(pk=latest.pk).aggregate(total=Sum("captured"))["total"] or ZERO
    captured = others + latest.captured
    if captured:
        refunded = (
            latest.payment.refunds.filter(status=Refund.Status.SUCCEEDED).aggregate(total=Sum("amount"))["total"]
            or ZERO
        )
        if refunded >= captured:
            return Payment.Status.REFUNDED
        return Payment.Status.PARTIALLY_REFUNDED if refunded else Payment.Status.PAID
    if latest.status == PaymentAttempt.Status.APPROVED:
        return Payment.Status.PAID
    return _STATUS_OF_ATTEMPT.get(PaymentAttempt.Status(latest.status), Payment.Status.PENDING)


def captured(payment: Payment) -> Decimal:
    """What the provider took for a payment in all, before refunds. One statement."""
    return payment.attempts.aggregate(total=Sum("captured"))["total"] or ZERO


# --- Refunds ----------------------------------------------------------------------------------------------------------


def refund(
    payment_id: UUID,
    amount: Decimal,
    reason: str,
    *,
    idempotency_key: str,
    attempt_id: UUID | None = None,
    by: Actor = None,
) -> Refund:
    """Pay back `amount` of a payment: writes the refund and commits it, calls the provider, writes what came of it.

    The audit log's entry is committed with the refund, before the call: there is no refund without one.

    Not inside a transaction. The same `idempotency_key` continues the same refund and never pays twice. `attempt_id`
    says which charge is meant where a payment has more than one. Raises RefundRefused where less is left than asked,
    and PaymentUnavailable where the provider did nothing (call again with the same key).
    """
    refuse_in_transaction("The payment provider")
    row = _begin_refund(payment_id, amount, reason, idempotency_key, attempt_id, by)
    return settle_refund(row)


def settle_refund(row: Refund) -> Refund:
    """Bring a refund to its end: asks the provider and writes the answer. Not inside a transaction; safe to repeat.

    Raises PaymentUnavailable where the provider did nothing.
    """
    refuse_in_transaction("The payment provider")
    if row.status in {Refund.Status.SUCCEEDED, Refund.Status.FAILED}:
        return row
    outcome = gateway().refund(
        RefundRequest(
            refund_id=row.pk,
            provider_reference=row.attempt.provider_reference,
            amount=row.amount,
            currency=row.payment.currency,
            reason=row.reason,
        )
    )
    return _record_refund(row, outcome)


@transaction.atomic(durable=True)
def _begin_refund(
    payment_id: UUID, amount: Decimal, reason: str, idempotency_key: str, attempt_id: UUID | None, by: Actor = None
) -> Refund:
    payment = Payment.objects.locked().get(pk=payment_id)
    known = payment.refunds.select_related("payment", "attempt").filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if known.amount != amount:
            raise RefundRefused(_("This refund was already made with another amount."))
        if by is not None:  # the shop itself asks until it knows
            audit.record(by, REFUND_AGAIN, known, reference=payment.reference)
        return known
    attempt = _attempt_to_refund(payment, amount, attempt_id)
    begun = Refund.objects.create(
        payment=payment, attempt=attempt, amount=amount, reason=reason[:200], idempotency_key=idempotency_key
    )
    money = {"amount": amount, "currency": payment.currency}
    audit.record(by, REFUND, begun, reason=reason, reference=payment.reference, after=money)
    return begun


def _attempt_to_refund(payment: Payment, amount: Decimal, attempt_id: UUID | None) -> PaymentAttempt:
    if amount <= ZERO:
        raise RefundRefused(_("Enter an amount above zero."))
    candidates = payment.attempts.filter(captured__gt=0).order_by("settled_at", "pk")
    if attempt_id is not None:
        candidates = candidates.filter(pk=attempt_id)
    left = {attempt: attempt.captured - attempt.refunds.all().holding_money().total() for attempt in candidates}
    for attempt, remaining in left.items():
        if amount <= remaining:
            return attempt
    raise RefundRefused(
        _("Only %(left)s %(currency)s can still be refunded.")
        % {"left": max(left.values(), default=ZERO), "currency": payment.currency},
        refundable=str(max(left.values(), default=ZERO)),
    )


@transaction.atomic(durable=True)
def _record_refund(row: Refund, outcome: RefundOutcome) -> Refund:
    payment = Payment.objects.locked().get(pk=row.payment_id)
    current = Refund.objects.select_related("attempt").select_for_update(of=("self",)).get(pk=row.pk)
    current.payment = payment
    if current.status in {Refund.Status.SUCCEEDED, Refund.Status.FAILED}:
        return current
    current.status = Refund.Status(outcome.kind)
    current.provider_reference = outcome.provider_reference or current.provider_reference
    current.error = outcome.message[:500]
    current.settled_at = timezone.now() if outcome.kind != "unknown" else None
    current.save(update_fields=["status", "provider_reference", "error", "settled_at"])
    if outcome.kind == "failed":
        logger.error("Refund %s failed at the provider.", current.pk)
    current.attempt.payment = payment
    payment.status = _status_after(current.attempt)
    payment.save(update_fields=["status", "updated_at"])
    return current


def refundable(payment: Payment) -> Decimal:
    """What can still be paid back, for display: captured less refunds that were not refused. Two statements."""
    return captured(payment) - payment.refunds.all().holding_money().total()


# --- What the provider tells ------------------------------------------------------------------------------------------


def store_webhook(provider: str, raw: bytes, signature: str) -> WebhookEvent:
    """Verify a message of the provider on its raw body and keep it, once, without secrets. Raises InvalidSignature.

    Answer the provider only after this: what is stored will be settled, before the order exists or days late.
    """
    told = gateway().parse_webhook(raw, signature)
    event, _created = WebhookEvent.objects.get_or_create(
        provider=provider,
        event_id=told.event_id,
        defaults={
            "type": told.type[:100],
            "payload": told.payload,
            "provider_reference": told.provider_reference,
        },
    )
    return event


def lock_waiting_events(limit: int) -> list[WebhookEvent]:
    """Up to `limit` events to settle, locked in the caller's transaction, without those that another worker holds."""
    return list(WebhookEvent.objects.waiting().locked()[:limit])


def read_event(event: WebhookEvent) -> ProviderEvent:
    """What a stored event tells: the attempt it is about, and the outcome where it tells one. No network."""
    return gateway().read_event(event.payload)


def attempt_of_event(told: ProviderEvent) -> PaymentAttempt | None:
    """The attempt that an event is about: by its own key, else by the provider's reference; None where unknown."""
    attempts = PaymentAttempt.objects.with_payment()
    attempt = attempts.filter(pk=told.attempt_id).first() if told.attempt_id else None
    if attempt is None and told.provider_reference:
        attempt = attempts.filter(provider_reference=told.provider_reference).first()
    return attempt


def mark_event_handled(event: WebhookEvent) -> None:
    """The event was settled, or tells nothing that matters; it is not looked at again."""
    now = timezone.now()
    WebhookEvent.objects.filter(pk=event.pk).update(handled_at=now, tries=F("tries") + 1, last_error="")


def mark_event_failed(event: WebhookEvent, error: str) -> None:
    """The event could not be settled this time (no attempt yet, say); it waits on, behind those tried less often."""
    WebhookEvent.objects.filter(pk=event.pk).update(tries=F("tries") + 1, last_error=error[:500])


@transaction.atomic
def deal_with_stray(charge: StrayCharge, *, by: Actor, note: str) -> bool:
    """Note that somebody has paid a charge of no order back, or found out whose it is. Only the first note counts;
    returns whether this was it."""
    dealt_at = timezone.now()
    if not StrayCharge.objects.filter(pk=charge.pk, dealt_at=None).update(dealt_at=dealt_at, note=note[:200]):
        return False
    audit.record(by, DEAL_WITH_STRAY, charge, reason=note)
    return True
