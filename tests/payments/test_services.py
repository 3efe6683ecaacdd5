"""What is stored of a payment, and what is refused."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.db.locks import LockOutsideTransaction
from payments import services
from payments.exceptions import InvalidPaymentMethod
from payments.models import Payment, PaymentAttempt, Refund, WebhookEvent
from payments.models.payments import LEASE
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


class TestDueAttempts:
    """What the sweeper claims, and when an attempt is due again."""

    def test_each_queue_is_claimed_in_order_of_due_time_in_two_statements(self) -> None:
        now = timezone.now()
        for status in ("started", "unknown", "action", "approved"):
            for minutes in (5, 9, -1):
                PaymentAttemptFactory(status=status, due_at=now - timedelta(minutes=minutes))
        for claim, statuses in (
            (services.claim_unanswered, {"started", "unknown"}),
            (services.claim_waiting, {"action"}),
        ):
            with CaptureQueriesContext(connection) as captured:
                claimed = claim(10)
                assert len({attempt.payment.reference for attempt in claimed}) == 2 * len(statuses)
            assert len([query for query in captured if "SAVEPOINT" not in query["sql"]]) == 2
            assert {attempt.status for attempt in claimed} == statuses
            dues = [attempt.due_at for attempt in claimed]
            assert dues == sorted(dues)
            assert claim(10) == [], "a claim lasts"

    def test_what_was_claimed_and_not_asked_about_is_due_again(self) -> None:
        attempt = PaymentAttemptFactory(status="unknown", due_at=timezone.now())
        assert services.claim_unanswered(10) == [attempt]
        with time_machine.travel(timezone.now() + LEASE):
            assert services.claim_unanswered(10) == [attempt]

    def asked(self, attempt: PaymentAttempt, hours: float) -> list[float]:
        """The minutes after its start at which an attempt is asked about, within that time."""
        moments = [attempt.next_ask(attempt.created_at)]
        while moments[-1] < attempt.created_at + timedelta(hours=hours):
            moments.append(attempt.next_ask(moments[-1]))
        return [(moment - attempt.created_at).total_seconds() / 60 for moment in moments]

    def test_what_waits_for_the_shopper_is_asked_about_a_few_times_and_when_it_expires(self) -> None:
        start = timezone.now()
        attempt = PaymentAttempt(status="action", created_at=start, expires_at=start + timedelta(minutes=30))
        assert self.asked(attempt, 0.5) == [1, 5, 25, 30]

    def test_what_has_no_answer_is_asked_about_twice_a_minute_and_never_given_up(self) -> None:
        start = timezone.now()
        attempt = PaymentAttempt(status="unknown", created_at=start, expires_at=start + timedelta(minutes=30))
        moments = self.asked(attempt, 24)
        assert moments[:5] == [1, 1.5, 2, 2.5, 3]
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert max(gap for moment, gap in zip(moments, gaps, strict=False) if moment < 120) <= 2
        assert max(gaps) == pytest.approx(5)

    def test_the_previous_release_writes_no_due_time(self) -> None:
        """Its rows are due a minute after they start, by the column's default."""
        attempt = PaymentAttemptFactory()
        attempt.refresh_from_db()
        assert attempt.due_at - attempt.created_at == pytest.approx(timedelta(minutes=1), abs=timedelta(seconds=5))
