"""Cards that are only authorized: by the intent, or by the account's setting."""

import pytest
import stripe

from tests.payments.sandbox_client import client, pay, pay_by_pix
from tests.support.sandbox import Sandbox


def test_the_account_can_authorize_what_was_to_be_captured(sandbox: Sandbox) -> None:
    sandbox.fault("manual_capture", times=1)
    by_pix, authorized, captured = pay_by_pix(sandbox), pay(sandbox), pay(sandbox)

    assert [intent.status for intent in (by_pix, authorized, captured)] == [
        "succeeded",
        "requires_capture",
        "succeeded",
    ]
    assert (authorized.amount_received, authorized.amount_capturable) == (0, 1000)
    assert authorized.capture_method == "manual"
    types = [event["type"] for event in sandbox.events()]
    assert types.count("payment_intent.amount_capturable_updated") == 1
    assert sandbox.ledger()["captured"] == 2000
    assert sandbox.capture_by_hand(authorized.id)["status"] == "succeeded"
    assert sandbox.ledger()["captured"] == 3000


def test_a_challenged_card_is_authorized_too(sandbox: Sandbox) -> None:
    sandbox.fault("manual_capture")
    intent = pay(sandbox, "pm_card_authenticationRequired", return_url="https://shop.example/")
    sandbox.answer_challenge(intent.id, authenticate=True)

    assert client(sandbox).v1.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_an_authorization_that_nobody_captures_expires(sandbox: Sandbox) -> None:
    kept, left = (pay(sandbox, capture_method="manual") for _ in range(2))
    assert sandbox.happen_now() == 0
    sandbox.capture_by_hand(kept.id)

    sandbox.advance_clock(7 * 86_400 + 1)

    intents = client(sandbox).v1.payment_intents
    assert intents.retrieve(kept.id).status == "succeeded"
    expired = intents.retrieve(left.id, {"expand": ["latest_charge"]})
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    with pytest.raises(stripe.InvalidRequestError):
        intents.capture(left.id)


def test_what_is_released_is_called_refunded_though_nothing_was_captured(sandbox: Sandbox) -> None:
    intent = pay(sandbox, capture_method="manual")
    sandbox.cancel_by_hand(intent.id)

    charge = client(sandbox).v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.amount_refunded, charge.refunded) == (False, 0, 1000, True)
    assert client(sandbox).v1.refunds.list({"payment_intent": intent.id}).data == []
    assert [event["type"] for event in sandbox.events()][1:] == ["charge.refunded", "payment_intent.canceled"]
    assert (sandbox.ledger()["captured"], sandbox.ledger()["balance"]) == (0, 0)
