"""What is stored of a payment, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.db.locks import LockOutsideTransaction
from payments import services
from payments.exceptions import InvalidPaymentMethod
from payments.models import Payment, PaymentAttempt, Refund, WebhookEvent
from tests.payments.support import (
    ACTION,
    APPROVED,
    CANCELLED,
    DECLINED,
    OUTCOMES,
    UNKNOWN,
    at_once,
    opened,
    recorded,
)
from tests.support.factories.payments import PaymentAttemptFactory, PaymentFactory

pytestmark = pytest.mark.django_db


# --- The database refuses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "break_it",
    [
        lambda: PaymentFactory(amount=Decimal("0")),
        lambda: PaymentFactory(status="lost"),
        lambda: PaymentFactory(method="cheque"),
        lambda: PaymentAttemptFactory(status="perhaps"),
        lambda: PaymentAttemptFactory(captured=Decimal("-1")),
        lambda: PaymentAttemptFactory.create_batch(2, provider_reference="pi_1"),
        lambda: PaymentAttemptFactory.create_batch(2, payment=PaymentFactory()),
        lambda: PaymentFactory.create_batch(2, reference="ORDER"),
        lambda: [WebhookEvent.objects.create(provider="stripe", event_id="evt_1", payload={}) for _ in range(2)],
        lambda: Refund.objects.create(
            attempt=(attempt := PaymentAttemptFactory()),
            payment=attempt.payment,
            amount=Decimal("0"),
            idempotency_key="k",
        ),
    ],
)
def test_constraints_enforce_the_invariants(break_it: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        break_it()


def test_settled_attempts_make_room_for_another() -> None:
    payment = PaymentFactory()
    for status in ("declined", "cancelled", "approved", "started"):
        PaymentAttemptFactory(payment=payment, status=status)
    assert payment.attempts.count() == 4


@pytest.mark.django_db(transaction=True)
def test_locks_need_a_transaction() -> None:
    with pytest.raises(LockOutsideTransaction):
        Payment.objects.locked()
    with pytest.raises(LockOutsideTransaction):
        PaymentAttempt.objects.fetch_locked_with_payment(uuid4())
    with pytest.raises(LockOutsideTransaction):
        services.open_payment("ORDER", Decimal(1), "BRL", "pix", expires_at=None)


@pytest.mark.parametrize(
    "token",
    ["4242424242424242", "4242 4242 4242 4242", "", "PIX", "tok_visa", "pm_", "pm_card visa", "pm_" + "a" * 300],
)
def test_only_tokens_are_stored(token: str) -> None:
    with pytest.raises(InvalidPaymentMethod) as refusal:
        opened(token)

    assert not token or token not in str(refusal.value)
    assert not PaymentAttempt.objects.exists()


# --- Outcomes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "payment_status", "settled"),
    [
        ("approved", "paid", True),
        ("declined", "failed", True),
        ("cancelled", "cancelled", True),
        ("action", "pending", False),
        ("unknown", "pending", False),
    ],
)
def test_recording_an_outcome_is_idempotent(kind: str, payment_status: str, settled: bool) -> None:
    attempt = opened()
    for _ in range(2):
        attempt = recorded(attempt, OUTCOMES[kind])
        assert (attempt.status, attempt.payment.status) == (kind, payment_status)
        assert (attempt.settled_at is not None) is settled
    attempt.refresh_from_db()
    assert attempt.action == (ACTION.action.as_json() if kind == "action" else None)


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("approved", "declined", "approved"),
        ("approved", "cancelled", "approved"),
        ("approved", "action", "approved"),
        ("approved", "unknown", "approved"),
        ("declined", "unknown", "declined"),
        ("declined", "action", "declined"),
        ("declined", "cancelled", "declined"),
        ("declined", "approved", "approved"),
        ("cancelled", "declined", "cancelled"),
        ("cancelled", "approved", "approved"),
        ("unknown", "approved", "approved"),
        ("unknown", "declined", "declined"),
        ("unknown", "action", "action"),
        ("unknown", "cancelled", "cancelled"),
        ("action", "unknown", "action"),
        ("action", "approved", "approved"),
        ("action", "cancelled", "cancelled"),
    ],
)
def test_captured_money_is_never_lost_in_any_order_of_outcomes(before: str, after: str, ends: str) -> None:
    attempt = opened()
    recorded(attempt, OUTCOMES[before])

    assert recorded(attempt, OUTCOMES[after]).status == ends


def test_the_payment_is_locked_first_and_both_before_they_are_written() -> None:
    """The order matters: a refund locks the payment first and then references the attempt."""
    attempt = opened()
    with CaptureQueriesContext(connection) as queries:
        recorded(attempt, APPROVED)

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert "UPDATE" not in statements[0].partition("FOR UPDATE OF")[0]
    locked = statements[0].partition("FOR UPDATE OF")[2]
    assert [name.strip() == '"payments_paymentattempt"' for name in locked.split(",")] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_simultaneous_outcomes_end_in_one() -> None:
    attempt = opened()
    outcomes = [APPROVED, DECLINED, UNKNOWN, ACTION, CANCELLED] * 2

    def record(number: int) -> None:
        recorded(attempt, outcomes[number])

    at_once(record, len(outcomes))

    attempt.refresh_from_db()
    assert (attempt.status, attempt.captured, attempt.payment.status) == ("approved", Decimal("109.80"), "paid")


def test_stale_and_expired_attempts_are_found_without_a_query_each(django_assert_num_queries: Any) -> None:
    now = timezone.now()
    old = now - timedelta(hours=1)
    stale = [PaymentAttemptFactory(status=status, created_at=old) for status in ("started", "unknown")]
    PaymentAttemptFactory(status="started")
    PaymentAttemptFactory(status="approved", created_at=old)
    stale.append(PaymentAttemptFactory(status="action", created_at=old, asked_at=old))
    expired = PaymentAttemptFactory(status="action", created_at=old, expires_at=now, asked_at=now)

    with django_assert_num_queries(2):
        assert {
            attempt.payment for attempt in PaymentAttempt.objects.stale(now - timedelta(minutes=1)).with_payment()
        } == {attempt.payment for attempt in stale}
        assert [attempt.payment for attempt in PaymentAttempt.objects.expired(now).with_payment()] == [expired.payment]
