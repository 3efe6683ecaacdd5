"""What is written about money, and what is refused."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.locks import LockOutsideTransaction
from payments import services
from payments.exceptions import (
    InvalidPaymentMethod,
    PaymentInProgress,
    PaymentSettled,
    PaymentUnavailable,
    RefundRefused,
)
from payments.gateways.base import Action, Outcome
from payments.models import Payment, PaymentAttempt, Refund, WebhookEvent
from tests.payments.factories import PaymentAttemptFactory, PaymentFactory
from tests.sandbox import Sandbox

pytestmark = pytest.mark.django_db

APPROVED = Outcome(kind="approved", provider_reference="pi_1", captured=Decimal("109.80"))
DECLINED = Outcome(kind="declined", provider_reference="pi_1", decline_code="generic_decline", message="No.")
UNKNOWN = Outcome(kind="unknown", message="APIConnectionError")
CANCELLED = Outcome(kind="cancelled", captured=Decimal("0.00"))
ACTION = Outcome(kind="action", provider_reference="pi_1", action=Action(type="redirect", url="https://bank.example/"))
OUTCOMES = {"approved": APPROVED, "declined": DECLINED, "unknown": UNKNOWN, "cancelled": CANCELLED, "action": ACTION}


def opened(token: str = "pm_card_visa", amount: str = "109.80", **fields: Any) -> PaymentAttempt:
    values = {"reference": uuid4().hex, "expires_at": timezone.now() + timedelta(minutes=30), **fields}
    reference = values.pop("reference")
    with transaction.atomic():
        return services.open_payment(reference, Decimal(amount), "BRL", token, **values)


def recorded(attempt: PaymentAttempt, outcome: Outcome) -> PaymentAttempt:
    with transaction.atomic():
        return services.record_outcome(attempt.pk, outcome)


def charged(sandbox: Sandbox, token: str = "pm_card_visa", amount: str = "109.80") -> PaymentAttempt:
    attempt = opened(token, amount)
    return recorded(attempt, services.authorize(attempt, description="Order", return_url="https://shop.example/back"))


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
def test_the_database_holds_what_must_be_true(break_it: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        break_it()


def test_settled_attempts_make_room_for_another() -> None:
    payment = PaymentFactory()
    for status in ("declined", "cancelled", "approved", "started"):
        PaymentAttemptFactory(payment=payment, status=status)
    assert payment.attempts.count() == 4


@pytest.mark.django_db(transaction=True)
def test_locks_need_a_transaction() -> None:
    for queryset in (Payment.objects, PaymentAttempt.objects, WebhookEvent.objects):
        with pytest.raises(LockOutsideTransaction):
            queryset.locked()
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
def test_an_outcome_is_written_once_and_may_be_repeated(kind: str, payment_status: str, settled: bool) -> None:
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
def test_in_whatever_order_outcomes_come_money_is_never_forgotten(before: str, after: str, ends: str) -> None:
    attempt = opened()
    recorded(attempt, OUTCOMES[before])

    assert recorded(attempt, OUTCOMES[after]).status == ends


def test_the_payment_is_locked_first_and_both_before_they_are_written() -> None:
    """The order matters: whoever refunds holds the payment and then refers to the attempt."""
    attempt = opened()
    with CaptureQueriesContext(connection) as queries:
        recorded(attempt, APPROVED)

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert "UPDATE" not in statements[0].partition("FOR UPDATE OF")[0]
    locked = statements[0].partition("FOR UPDATE OF")[2]
    assert [name.strip() == '"payments_paymentattempt"' for name in locked.split(",")] == [False, True]


def test_another_attempt_waits_for_the_end_of_the_last() -> None:
    attempt = opened()
    for outcome, refusal in ((UNKNOWN, PaymentInProgress), (ACTION, PaymentInProgress), (APPROVED, PaymentSettled)):
        recorded(attempt, outcome)
        with pytest.raises(refusal), transaction.atomic():
            services.new_attempt(attempt.payment, "pix", expires_at=None)

    declined = recorded(opened(), Outcome(kind="declined"))
    with transaction.atomic():
        again = services.new_attempt(declined.payment, "pix", expires_at=None)
    again.payment.refresh_from_db()
    assert (again.status, again.payment.status, again.payment.method) == ("started", "pending", "pix")


# --- The provider -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "status"), [("pm_card_visa", "approved"), ("pm_card_chargeDeclined", "declined"), ("pix", "action")]
)
def test_a_charge_from_end_to_end(sandbox: Sandbox, token: str, status: str) -> None:
    attempt = charged(sandbox, token)

    assert attempt.status == status
    assert attempt.provider_reference.startswith("pi_")
    assert services.ask_provider(attempt).kind == status


def test_a_lost_answer_is_settled_by_asking(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", times=1)
    attempt = charged(sandbox)
    assert attempt.status == "unknown"

    settled = recorded(attempt, services.ask_provider(attempt))

    assert (settled.status, settled.captured, settled.payment.status) == ("approved", Decimal("109.80"), "paid")
    assert sandbox.ledger()["captured"] == 10980


def test_nobody_asks_about_a_call_that_may_be_under_way(sandbox: Sandbox) -> None:
    attempt = opened()
    assert services.ask_provider(attempt).kind == "unknown"

    attempt.created_at = timezone.now() - timedelta(minutes=2)
    assert services.ask_provider(attempt).kind == "cancelled"
    assert services.authorize(attempt, description="Order", return_url="https://shop.example/").kind == "unknown"
    assert sandbox.ledger()["captured"] == 0


def test_asking_while_the_provider_is_away_leaves_it_unknown(sandbox: Sandbox) -> None:
    waiting = charged(sandbox, "pix")
    sandbox.fault("error", error_status=429)

    assert services.ask_provider(waiting).kind == "unknown"
    with pytest.raises(PaymentUnavailable):
        services.void(waiting)


def test_giving_up_what_waits(sandbox: Sandbox) -> None:
    waiting = charged(sandbox, "pix")
    assert recorded(waiting, services.void(waiting)).status == "cancelled"

    paid_meanwhile = charged(sandbox, "pix")
    assert sandbox.pay_pix(paid_meanwhile.provider_reference)
    assert recorded(paid_meanwhile, services.void(paid_meanwhile)).status == "approved"

    sandbox.fault("lost_answer", times=1)
    lost = charged(sandbox, "pix")
    assert lost.status == "unknown"
    assert recorded(lost, services.void(lost)).status == "cancelled"


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


# --- Refunds ----------------------------------------------------------------------------------------------------------


def test_a_payment_is_refunded_in_parts(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment

    services.refund(payment.pk, Decimal("9.80"), "scratched", idempotency_key="1")
    payment.refresh_from_db()
    assert (payment.status, services.refundable(payment)) == ("partially_refunded", Decimal("100.00"))
    with pytest.raises(RefundRefused) as refusal:
        services.refund(payment.pk, Decimal("100.01"), "", idempotency_key="2")
    assert refusal.value.details == {"refundable": "100.00"}
    services.refund(payment.pk, Decimal("100.00"), "", idempotency_key="3")
    payment.refresh_from_db()
    assert (payment.status, services.refundable(payment)) == ("refunded", Decimal("0.00"))
    assert sandbox.ledger()["balance"] == 0


@pytest.mark.parametrize("amount", ["0", "-1", "109.81"])
def test_refunds_that_make_no_sense(sandbox: Sandbox, amount: str) -> None:
    payment = charged(sandbox).payment
    with pytest.raises(RefundRefused):
        services.refund(payment.pk, Decimal(amount), "", idempotency_key="1")
    assert not Refund.objects.exists()


def test_nothing_captured_nothing_refunded(sandbox: Sandbox) -> None:
    with pytest.raises(RefundRefused):
        services.refund(charged(sandbox, "pix").payment.pk, Decimal("1.00"), "", idempotency_key="1")


def test_the_same_refund_is_paid_once(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment
    sandbox.fault("lost_answer", method="POST", path="/v1/refunds", times=1)

    first = services.refund(payment.pk, Decimal("10.00"), "", idempotency_key="1")
    again = services.refund(payment.pk, Decimal("10.00"), "", idempotency_key="1")

    assert first == again
    assert (first.status, again.status) == ("unknown", "succeeded")
    assert sandbox.ledger()["refunded"] == 1000
    with pytest.raises(RefundRefused):
        services.refund(payment.pk, Decimal("11.00"), "", idempotency_key="1")


def test_a_refund_goes_on_when_the_provider_is_back(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment
    sandbox.fault("error", error_status=429, times=1)
    with pytest.raises(PaymentUnavailable):
        services.refund(payment.pk, Decimal("109.80"), "", idempotency_key="1")
    [waiting] = Refund.objects.stale(timezone.now() + timedelta(seconds=1))
    assert services.refundable(payment) == 0

    assert services.settle_refund(waiting).status == "succeeded"
    payment.refresh_from_db()
    assert payment.status == "refunded"


def _at_once(work: Callable[[int], None], workers: int) -> None:
    barrier = threading.Barrier(workers)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_simultaneous_refunds_never_exceed_what_was_captured(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Ten refunds of a third each: three go through. Without the lock on the payment more rows are written."""
    payment = charged(sandbox, amount="30.00").payment
    if not guarded:
        monkeypatch.setattr("payments.models.PaymentQuerySet.locked", lambda self: self)
    refused: list[int] = []

    def refund(number: int) -> None:
        try:
            services.refund(payment.pk, Decimal("10.00"), "", idempotency_key=str(number))
        except RefundRefused:
            refused.append(number)

    _at_once(refund, 10)

    assert sandbox.ledger()["refunded"] == 3000
    promised = Refund.objects.count() * 10
    assert (promised == 30) is guarded
    assert (len(refused) == 7) is guarded


@pytest.mark.django_db(transaction=True)
def test_refunds_and_repeated_outcomes_do_not_wait_for_each_other_in_a_ring(sandbox: Sandbox) -> None:
    attempt = charged(sandbox)
    outcome = Outcome(kind="approved", provider_reference=attempt.provider_reference, captured=attempt.captured)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                if number % 2:
                    recorded(attempt, outcome)
                else:
                    services.refund(attempt.payment_id, Decimal("0.10"), "", idempotency_key=f"{number}:{turn}")
        except Exception as error:
            failures.append(error)

    _at_once(work, 6)

    assert failures == []
    assert sandbox.ledger()["refunded"] == 450


@pytest.mark.django_db(transaction=True)
def test_simultaneous_outcomes_end_in_one(sandbox: Sandbox) -> None:
    attempt = opened()
    outcomes = [APPROVED, DECLINED, UNKNOWN, ACTION, CANCELLED] * 2

    def record(number: int) -> None:
        recorded(attempt, outcomes[number])

    _at_once(record, len(outcomes))

    attempt.refresh_from_db()
    assert (attempt.status, attempt.captured, attempt.payment.status) == ("approved", Decimal("109.80"), "paid")


# --- The inbox --------------------------------------------------------------------------------------------------------


def test_waiting_events_those_tried_least_first() -> None:
    events = [
        WebhookEvent.objects.create(provider="stripe", event_id=f"evt_{n}", type="x", payload={}) for n in range(3)
    ]
    services.mark_event_failed(events[0], "no attempt yet")
    services.mark_event_handled(events[1])

    with transaction.atomic():
        waiting = services.lock_waiting_events(10)

    assert [event.event_id for event in waiting] == ["evt_2", "evt_0"]
    assert [(event.tries, event.last_error) for event in waiting] == [(0, ""), (1, "no attempt yet")]
