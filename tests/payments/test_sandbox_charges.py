"""Charges in the sandbox, and what somebody does by hand in the dashboard."""

import pytest
import stripe

from tests.payments.sandbox_client import client, event_types, pay, pay_by_pix, post
from tests.support.sandbox import Sandbox


def test_a_charge_tells_what_became_of_it(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    sandbox.refund_by_hand(intent.id, 300)

    charge = client(sandbox).v1.charges.retrieve(str(intent.latest_charge))

    assert (charge.payment_intent, charge.metadata.to_dict()) == (intent.id, {"order": "1"})
    assert (charge.status, charge.captured, charge.paid) == ("succeeded", True, True)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded, charge.refunded) == (1000, 1000, 300, False)
    assert (charge.disputed, charge.payment_method_details.to_dict()["type"]) == (False, "card")  # type: ignore[union-attr]
    assert [listed.id for listed in client(sandbox).v1.charges.list({"payment_intent": intent.id}).data] == [charge.id]


def test_the_latest_charge_is_an_id_unless_expanded(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    paid, unpaid = pay_by_pix(sandbox), intents.create({"amount": 1000, "currency": "brl"})
    sandbox.add_foreign_intents(1)
    sandbox.refund_by_hand(paid.id)

    one = intents.retrieve(paid.id, {"expand": ["latest_charge.refunds"]}).to_dict()
    assert one["latest_charge"]["amount_refunded"] == 1000
    assert one["latest_charge"]["refunded"] is True
    assert [made["amount"] for made in one["latest_charge"]["refunds"]["data"]] == [1000]
    assert isinstance(intents.retrieve(paid.id).latest_charge, str)
    listed = intents.list({"expand": ["data.latest_charge"]}).to_dict()["data"]
    charges = {intent["id"]: intent["latest_charge"] for intent in listed}
    assert charges[unpaid.id] is None
    assert sorted(charge["amount_captured"] for charge in charges.values() if charge) == [1000, 1000]
    assert all(charge["payment_intent"] == intent for intent, charge in charges.items() if charge)


def test_an_unknown_property_is_not_expanded(sandbox: Sandbox) -> None:
    pay(sandbox)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client(sandbox).v1.payment_intents.list({"expand": ["data.nothing"]})


def test_each_try_has_its_charge(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    intent = intents.create({"amount": 1000, "currency": "brl"})
    with pytest.raises(stripe.CardError):
        intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    paid, declined = client(sandbox).v1.charges.list({"payment_intent": intent.id}).data
    assert (paid.status, paid.amount_captured) == ("succeeded", 1000)
    assert (declined.status, declined.paid, declined.amount_captured) == ("failed", False, 0)
    assert declined.failure_code == "card_declined"


def test_a_refund_by_hand_has_no_metadata_of_ours(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    made = sandbox.refund_by_hand(intent.id, 400)

    assert (made["metadata"], made["amount"], made["payment_intent"]) == ({}, 400, intent.id)
    assert event_types(sandbox) == ["refund.created", "charge.refunded"]
    charge = sandbox.events()[-1]["data"]["object"]
    assert (charge["payment_intent"], charge["amount_refunded"], charge["metadata"]) == (intent.id, 400, {"order": "1"})
    sandbox.refund_by_hand(intent.id)
    with pytest.raises(OSError, match="400"):
        sandbox.refund_by_hand(intent.id)
    assert sandbox.ledger()["balance"] == 0


def test_an_authorization_is_captured_or_cancelled_by_hand(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    one, other = (pay(sandbox, capture_method="manual") for _ in range(2))
    assert (one.status, one.amount_received, one.amount_capturable) == ("requires_capture", 0, 1000)
    charge = client(sandbox).v1.charges.retrieve(str(one.latest_charge))
    assert (charge.captured, charge.amount_captured) == (False, 0)
    assert post(sandbox, "/v1/refunds", {"payment_intent": one.id})[0] == 400

    assert sandbox.capture_by_hand(one.id, 700)["amount_received"] == 700
    assert sandbox.cancel_by_hand(other.id)["status"] == "canceled"

    assert intents.retrieve(one.id).status == "succeeded"
    assert client(sandbox).v1.charges.retrieve(charge.id).amount_captured == 700
    assert [event["type"] for event in sandbox.events()] == [
        "payment_intent.amount_capturable_updated",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "charge.refunded",
        "payment_intent.canceled",
    ]
    assert sandbox.ledger()["captured"] == 700
