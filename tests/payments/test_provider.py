"""Calls to the provider: charge, look up, void."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from payments import provider
from payments.exceptions import PaymentUnavailable
from tests.payments.support import charged, opened, recorded
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("token", "status"), [("pm_card_visa", "approved"), ("pm_card_chargeDeclined", "declined"), ("pix", "action")]
)
def test_a_charge_from_end_to_end(sandbox: Sandbox, token: str, status: str) -> None:
    attempt = charged(sandbox, token)

    assert attempt.status == status
    assert attempt.provider_reference.startswith("pi_")
    assert provider.ask(attempt).kind == status


def test_a_lost_answer_is_resolved_by_a_lookup(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", times=1)
    attempt = charged(sandbox)
    assert attempt.status == "unknown"

    settled = recorded(attempt, provider.ask(attempt))

    assert (settled.status, settled.captured, settled.payment.status) == ("approved", Decimal("109.80"), "paid")
    assert sandbox.ledger()["captured"] == 10980


def test_a_call_that_may_be_in_flight_is_not_looked_up(sandbox: Sandbox) -> None:
    attempt = opened()
    assert provider.ask(attempt).kind == "unknown"

    attempt.created_at = timezone.now() - timedelta(minutes=2)
    assert provider.ask(attempt).kind == "cancelled"
    assert provider.authorize(attempt, description="Order", return_url="https://shop.example/").kind == "unknown"
    assert sandbox.ledger()["captured"] == 0


def test_a_lookup_while_the_provider_is_down_leaves_it_unknown(sandbox: Sandbox) -> None:
    waiting = charged(sandbox, "pix")
    sandbox.fault("error", error_status=429)

    assert provider.ask(waiting).kind == "unknown"
    with pytest.raises(PaymentUnavailable):
        provider.void(waiting)


def test_voiding_a_pending_charge(sandbox: Sandbox) -> None:
    waiting = charged(sandbox, "pix")
    assert recorded(waiting, provider.void(waiting)).status == "cancelled"

    paid_meanwhile = charged(sandbox, "pix")
    assert sandbox.pay_pix(paid_meanwhile.provider_reference)
    assert recorded(paid_meanwhile, provider.void(paid_meanwhile)).status == "approved"

    sandbox.fault("lost_answer", times=1)
    lost = charged(sandbox, "pix")
    assert lost.status == "unknown"
    assert recorded(lost, provider.void(lost)).status == "cancelled"
