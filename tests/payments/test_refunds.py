"""Refunds: partial, paid once, and never more than was captured."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from payments.exceptions import PaymentUnavailable, RefundRefused
from payments.gateways.base import Outcome
from payments.models import Refund
from tests.payments.support import answered, at_once, charged, recorded, refunded
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def test_a_payment_is_refunded_in_parts(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment

    refunded(payment, "9.80", "1")
    payment.refresh_from_db()
    assert (payment.status, payment.refundable) == ("partially_refunded", Decimal("100.00"))
    with pytest.raises(RefundRefused) as refusal:
        refunded(payment, "100.01", "2")
    assert refusal.value.details == {"refundable": "100.00"}
    refunded(payment, "100.00", "3")
    payment.refresh_from_db()
    assert (payment.status, payment.refundable) == ("refunded", Decimal("0.00"))
    assert sandbox.ledger()["balance"] == 0


@pytest.mark.parametrize("amount", ["0", "-1", "109.81"])
def test_invalid_refund_amounts(sandbox: Sandbox, amount: str) -> None:
    payment = charged(sandbox).payment
    with pytest.raises(RefundRefused):
        refunded(payment, amount, "1")
    assert not Refund.objects.exists()


def test_nothing_is_refunded_without_a_capture(sandbox: Sandbox) -> None:
    with pytest.raises(RefundRefused):
        refunded(charged(sandbox, "pix").payment, "1.00", "1")


def test_the_same_refund_is_paid_once(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment
    sandbox.fault("lost_answer", method="POST", path="/v1/refunds", times=1)

    first = refunded(payment, "10.00", "1")
    again = refunded(payment, "10.00", "1")

    assert first == again
    assert (first.status, again.status) == ("unknown", "succeeded")
    assert sandbox.ledger()["refunded"] == 1000
    with pytest.raises(RefundRefused):
        refunded(payment, "11.00", "1")


def test_a_refund_is_resumed_when_the_provider_is_back(sandbox: Sandbox) -> None:
    payment = charged(sandbox).payment
    sandbox.fault("error", error_status=429, times=1)
    with pytest.raises(PaymentUnavailable):
        refunded(payment, "109.80", "1")
    [waiting] = Refund.objects.stale(timezone.now() + timedelta(seconds=1))
    assert payment.refundable == 0

    assert answered(waiting).status == "succeeded"
    payment.refresh_from_db()
    assert payment.status == "refunded"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_simultaneous_refunds_never_exceed_what_was_captured(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Ten refunds of a third each: three go through. Without the lock on the payment more rows are written."""
    payment = charged(sandbox, amount="30.00").payment
    if not guarded:
        monkeypatch.setattr("payments.models.payments.PaymentQuerySet.locked", lambda self: self)
    refused: list[int] = []

    def refund(number: int) -> None:
        try:
            refunded(payment, "10.00", str(number))
        except RefundRefused:
            refused.append(number)

    at_once(refund, 10)

    assert sandbox.ledger()["refunded"] == 3000
    promised = Refund.objects.count() * 10
    assert (promised == 30) is guarded
    assert (len(refused) == 7) is guarded


@pytest.mark.django_db(transaction=True)
def test_refunds_and_repeated_outcomes_do_not_deadlock(sandbox: Sandbox) -> None:
    attempt = charged(sandbox)
    outcome = Outcome(kind="approved", provider_reference=attempt.provider_reference, captured=attempt.captured)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                if number % 2:
                    recorded(attempt, outcome)
                else:
                    refunded(attempt.payment, "0.10", f"{number}:{turn}")
        except Exception as error:
            failures.append(error)

    at_once(work, 6)

    assert failures == []
    assert sandbox.ledger()["refunded"] == 450
