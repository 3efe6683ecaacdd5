"""How the Stripe gateway maps answers, and missing ones, to outcomes. Every call goes to the sandbox over HTTP."""

import logging
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import stripe
from django.db import transaction

from config.db.locks import NetworkCallInTransaction
from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from payments.exceptions import PaymentUnavailable
from payments.gateways import gateway
from payments.gateways.base import AuthorizeRequest, Outcome, RefundRequest
from tests.payments.requests import a_charge, lost
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def test_an_approved_card_is_captured(sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pm_card_visa"))

    assert (outcome.kind, outcome.captured) == ("approved", Decimal("109.80"))
    assert outcome.provider_reference.startswith("pi_")
    assert sandbox.ledger()["captured"] == 10980


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_a_declined_card_has_a_reason(sandbox: Sandbox, token: str, code: str) -> None:
    outcome = gateway().authorize(a_charge(token))

    assert (outcome.kind, outcome.decline_code) == ("declined", code)
    assert outcome.provider_reference.startswith("pi_")
    assert outcome.message
    assert gateway().retrieve(outcome.provider_reference).kind == "declined"
    assert sandbox.ledger()["captured"] == 0


def test_an_unknown_token_is_declined_not_an_error(sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pm_1NoSuchThing"))

    assert (outcome.kind, outcome.decline_code) == ("declined", "invalid_payment_method")


@pytest.mark.parametrize(
    ("authenticate", "kind", "status"), [(True, "approved", "succeeded"), (False, "declined", "failed")]
)
def test_3d_secure_is_a_redirect(sandbox: Sandbox, authenticate: bool, kind: str, status: str) -> None:
    outcome = gateway().authorize(a_charge("pm_card_authenticationRequired"))

    assert outcome.kind == "action"
    assert outcome.action is not None
    assert outcome.action.as_json() == {
        "type": "redirect",
        "url": f"{sandbox.base_url}/_sandbox/3ds/{outcome.provider_reference}",
    }
    back = sandbox.answer_challenge(outcome.provider_reference, authenticate=authenticate)
    assert back.startswith(f"https://shop.example/back?order=1&payment_intent={outcome.provider_reference}&")
    assert f"redirect_status={status}" in back
    assert gateway().retrieve(outcome.provider_reference).kind == kind


def test_a_passed_challenge_may_still_be_declined(sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pm_card_threeDSecureRequiredChargeDeclined"))
    sandbox.answer_challenge(outcome.provider_reference, authenticate=True)

    assert gateway().retrieve(outcome.provider_reference).decline_code == "generic_decline"


def test_pix_waits_for_the_bank_and_is_paid_there(sandbox: Sandbox) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
    outcome = gateway().authorize(a_charge("pix", expires_at=expires_at))

    assert outcome.kind == "action"
    assert outcome.action is not None
    assert outcome.action.type == "pix"
    assert outcome.action.qr_code.startswith("000201010212")
    assert "5406109.80" in outcome.action.qr_code
    assert outcome.action.expires_at == expires_at
    assert sandbox.pay_pix(outcome.provider_reference)
    assert gateway().retrieve(outcome.provider_reference).kind == "approved"
    assert not sandbox.pay_pix(outcome.provider_reference)
    assert sandbox.ledger()["captured"] == 10980


def test_an_expired_pix_is_refused_unless_the_bank_settles_late(sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge("pix"))
    sandbox.advance_clock(31 * 60)

    assert gateway().retrieve(outcome.provider_reference).kind == "declined"
    assert not sandbox.pay_pix(outcome.provider_reference)
    sandbox.fault("late_pix")
    assert sandbox.pay_pix(outcome.provider_reference)
    assert gateway().retrieve(outcome.provider_reference).kind == "approved"


def test_authorized_money_is_captured_later(sandbox: Sandbox) -> None:
    outcome = gateway().authorize(a_charge(capture_now=False))
    assert (outcome.kind, outcome.captured) == ("authorized", Decimal("0.00"))

    captured = gateway().capture(outcome.provider_reference, Decimal("100.00"), "BRL", "capture-1")

    assert (captured.kind, captured.captured) == ("approved", Decimal("100.00"))


def test_voiding_a_captured_charge_reports_the_capture(sandbox: Sandbox) -> None:
    waiting = gateway().authorize(a_charge("pix"))
    paid = gateway().authorize(a_charge("pm_card_visa"))

    assert gateway().void(waiting.provider_reference).kind == "cancelled"
    assert gateway().void(waiting.provider_reference).kind == "cancelled"
    assert gateway().void(paid.provider_reference).kind == "approved"


# --- When the provider fails ------------------------------------------------------------------------------------------


def found(request: AuthorizeRequest) -> Outcome | None:
    """The outcome of the request's charge if it was created about now."""
    now = datetime.now(UTC)
    return gateway().find(lost(request), now - timedelta(minutes=2), now + timedelta(minutes=2))


def test_a_lost_answer_is_unknown_and_was_charged_once(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", path="/v1/payment_intents", times=1)
    request = a_charge()

    assert gateway().authorize(request).kind == "unknown"

    assert gateway().use_up_key(lost(request)) == "used"
    outcome = found(request)
    assert outcome is not None
    assert (outcome.kind, outcome.captured) == ("approved", Decimal("109.80"))
    assert gateway().retrieve(outcome.provider_reference).kind == "approved"
    assert sandbox.ledger()["captured"] == 10980


def test_a_lost_decline_is_found_as_a_decline(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", times=1)
    request = a_charge("pm_card_chargeDeclined")

    assert gateway().authorize(request).kind == "unknown"
    outcome = found(request)
    assert outcome is not None
    assert outcome.decline_code == "generic_decline"


def test_a_search_reads_all_pages_of_its_span_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", times=1)
    request = a_charge()
    gateway().authorize(request)
    sandbox.add_foreign_intents(count=250, created_from=time.time() - 10, created_to=time.time())
    now = datetime.now(UTC)

    assert found(request) is not None
    assert gateway().find(lost(request), now - timedelta(hours=1), now - timedelta(minutes=1)) is None


def test_a_call_that_never_arrived_cannot_arrive_after_the_search(sandbox: Sandbox) -> None:
    request = a_charge()

    assert gateway().use_up_key(lost(request)) == "free"
    assert gateway().use_up_key(lost(request)) == "free"

    assert gateway().authorize(request).kind == "unknown"
    assert found(request) is None
    assert sandbox.ledger()["captured"] == 0


def test_a_key_that_cannot_be_used_up_now_proves_nothing(sandbox: Sandbox) -> None:
    sandbox.fault("error", error_status=409, times=1)
    assert gateway().use_up_key(lost(a_charge())) == "unclear"

    sandbox.fault("error", error_status=401, times=1)
    assert gateway().use_up_key(lost(a_charge())) == "unclear"


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("after", [False, True])
def test_an_error_of_the_provider_is_unknown(sandbox: Sandbox, status: int, after: bool) -> None:
    sandbox.fault("error", error_status=status, times=1, after=after)
    request = a_charge()

    assert gateway().authorize(request).kind == "unknown"
    outcome = found(request)
    assert (outcome.kind if outcome else None) == ("approved" if after else None)


@pytest.mark.parametrize("after", [False, True])
def test_a_hanging_provider_costs_no_more_than_the_timeout(sandbox: Sandbox, settings, after: bool) -> None:
    settings.PAYMENT_TIMEOUT_SECONDS = 0.6
    sandbox.fault("hang", times=1, after=after, seconds=5)
    request = a_charge()

    began = time.monotonic()
    assert gateway().authorize(request).kind == "unknown"
    assert time.monotonic() - began < 1.5
    assert sandbox.ledger()["captured"] == (10980 if after else 0)


def test_a_refused_connection_had_no_effect(sandbox: Sandbox) -> None:
    gateway().authorize(a_charge())
    sandbox.fault("refused", seconds=0.7)

    with pytest.raises(PaymentUnavailable) as refusal:
        gateway().authorize(a_charge())

    assert refusal.value.retry_after > 0
    time.sleep(1.0)
    assert gateway().authorize(a_charge()).kind == "approved"


def test_an_older_refused_connection_does_not_hide_a_lost_answer(sandbox: Sandbox) -> None:
    """An exception being handled when the call began must not be taken for the call's own."""
    sandbox.fault("lost_answer", times=1)
    sandbox.fault("refused", seconds=0.5)
    try:
        gateway().authorize(a_charge())
    except PaymentUnavailable:
        time.sleep(0.8)
        assert gateway().authorize(a_charge()).kind == "unknown"
    assert sandbox.ledger()["captured"] == 10980


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_rejected_call_had_no_effect(sandbox: Sandbox, status: int, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.fault("error", error_status=status, times=1)

    with caplog.at_level(logging.INFO), pytest.raises(PaymentUnavailable):
        gateway().authorize(a_charge())

    assert f"status={status}" in caplog.text
    assert "sk_test" not in caplog.text
    assert "pm_card" not in caplog.text


def test_a_key_in_flight_is_unknown(sandbox: Sandbox) -> None:
    sandbox.fault("error", error_status=409, times=1)

    assert gateway().authorize(a_charge()).kind == "unknown"


def test_the_breaker_opens_on_failures_and_then_fails_fast(sandbox: Sandbox) -> None:
    sandbox.fault("error", error_status=500)
    for _ in range(FAILURES_BEFORE_OPENING):
        assert gateway().authorize(a_charge()).kind == "unknown"
    sandbox.no_faults()

    seconds = []
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(PaymentUnavailable) as refusal:
            gateway().authorize(a_charge())
        seconds.append(time.monotonic() - began)

    assert min(seconds) < 0.05
    assert refusal.value.retry_after > 1
    assert sandbox.ledger()["intents"] == {}
    breaker("stripe").close()
    assert gateway().authorize(a_charge()).kind == "approved"


def test_declines_do_not_open_the_breaker(sandbox: Sandbox) -> None:
    for _ in range(FAILURES_BEFORE_OPENING * 2):
        assert gateway().authorize(a_charge("pm_card_chargeDeclined")).kind == "declined"

    assert breaker("stripe").state == "closed"


def test_the_network_is_not_called_inside_a_transaction(sandbox: Sandbox) -> None:
    with transaction.atomic(), pytest.raises(NetworkCallInTransaction):
        gateway().authorize(a_charge())

    assert sandbox.ledger()["intents"] == {}


def test_the_sdk_does_not_retry(sandbox: Sandbox) -> None:
    sandbox.fault("error", error_status=500, times=1)

    assert gateway().authorize(a_charge()).kind == "unknown"
    assert sandbox.ledger()["intents"] == {}


# --- Refunds ----------------------------------------------------------------------------------------------------------


def a_refund(reference: str, amount: str) -> RefundRequest:
    return RefundRequest(refund_id=uuid4(), provider_reference=reference, amount=Decimal(amount), currency="BRL")


def test_partial_refunds_never_exceed_the_payment(sandbox: Sandbox) -> None:
    reference = gateway().authorize(a_charge()).provider_reference

    assert gateway().refund(a_refund(reference, "9.80")).kind == "succeeded"
    assert gateway().refund(a_refund(reference, "100.01")).kind == "failed"
    assert gateway().refund(a_refund(reference, "100.00")).kind == "succeeded"
    assert gateway().refund(a_refund(reference, "0.01")).kind == "failed"
    assert sandbox.ledger()["balance"] == 0


def test_a_refund_is_paid_once_even_if_its_answer_and_its_key_are_lost(sandbox: Sandbox) -> None:
    reference = gateway().authorize(a_charge()).provider_reference
    refund = a_refund(reference, "50.00")
    sandbox.fault("lost_answer", path="/v1/refunds", method="POST", times=1)

    assert gateway().refund(refund).kind == "unknown"
    stripe_client = stripe.StripeClient(sandbox.secret_key, base_addresses={"api": sandbox.base_url})
    [known] = stripe_client.v1.refunds.list({"payment_intent": reference}).data
    again = gateway().refund(refund)

    assert (again.kind, again.provider_reference) == ("succeeded", known.id)
    assert sandbox.ledger()["refunded"] == 5000
