"""Disputes in the sandbox go through their whole life, and their funds move, as at Stripe."""

import time

import pytest
import stripe

from tests.payments.sandbox_client import client, event_types, pay, pay_by_pix
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("token", "reason", "status", "withdrawn"),
    [
        ("pm_card_createDispute", "fraudulent", "needs_response", 1000),
        ("pm_card_createDisputeProductNotReceived", "product_not_received", "needs_response", 1000),
        ("pm_card_createDisputeInquiry", "fraudulent", "warning_needs_response", 0),
    ],
)
def test_a_card_disputes_some_time_after_the_payment(
    sandbox: Sandbox, token: str, reason: str, status: str, withdrawn: int
) -> None:
    sandbox.set_later(3600)
    intent = pay(sandbox, token)
    assert client(sandbox).v1.disputes.list().data == []

    sandbox.advance_clock(3601)

    [dispute] = client(sandbox).v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.reason, dispute.status, dispute.amount) == (reason, status, 1000)
    assert (dispute.charge, dispute.payment_intent) == (intent.latest_charge, intent.id)
    assert dispute.is_charge_refundable is (withdrawn == 0)
    assert dispute.evidence_details.due_by > time.time()
    assert client(sandbox).v1.charges.retrieve(str(intent.latest_charge)).disputed is True
    assert event_types(sandbox)[0] == "charge.dispute.created"
    books = sandbox.ledger()
    assert (books["disputed"], books["balance"]) == (withdrawn, 1000 - withdrawn)


def test_a_card_warns_of_fraud(sandbox: Sandbox) -> None:
    sandbox.set_later(0.2)
    intent = pay(sandbox, "pm_card_createIssuerFraudRecord")

    eventually(lambda: event_types(sandbox) == ["radar.early_fraud_warning.created"], seconds=5)

    [warning] = client(sandbox).v1.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data
    assert (warning.charge, warning.payment_intent, warning.actionable) == (intent.latest_charge, intent.id, True)
    assert client(sandbox).v1.radar.early_fraud_warnings.retrieve(warning.id).fraud_type == "unauthorized_use_of_card"
    sandbox.refund_by_hand(intent.id)
    assert sandbox.warn_of_fraud(intent.id)["actionable"] is False


def test_a_dispute_that_is_won_gives_its_funds_back(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    due_by = int(time.time()) + 86_400
    made = sandbox.dispute(intent.id, reason="credit_not_processed", due_by=due_by)
    assert (made["evidence_details"]["due_by"], made["network_reason_code"]) == (due_by, "13.6")

    sandbox.move_dispute(made["id"], "under_review")
    won = sandbox.move_dispute(made["id"], "won")

    first, second = won["balance_transactions"]
    assert (first["amount"], first["fee"], first["net"]) == (-1000, 1500, -2500)
    assert (second["amount"], second["fee"], second["net"]) == (1000, -1500, 2500)
    assert [moved["reporting_category"] for moved in (first, second)] == ["dispute", "dispute_reversal"]
    assert event_types(sandbox) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]
    created, closed = sandbox.events()[1], sandbox.events()[-1]
    assert created["data"]["object"]["balance_transactions"] == []
    assert closed["data"]["object"]["status"] == "won"
    assert closed["data"]["previous_attributes"] == {"status": "under_review"}
    books = sandbox.ledger()
    assert (books["disputed"], books["dispute_fees"], books["balance"]) == (0, 0, 1000)
    assert won["is_charge_refundable"] is True


def test_a_dispute_that_is_lost_keeps_the_funds(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    made = sandbox.dispute(intent.id)
    lost = client(sandbox).v1.disputes.close(made["id"])

    assert (lost.status, len(lost.balance_transactions)) == ("lost", 1)
    assert event_types(sandbox)[-1] == "charge.dispute.closed"
    assert sandbox.ledger()["disputed"] == 1000
    assert sandbox.charges()[0]["disputes"] == ["lost"]
    with pytest.raises(stripe.InvalidRequestError):
        client(sandbox).v1.disputes.close(made["id"])


def test_the_funds_may_move_apart_from_the_status(sandbox: Sandbox) -> None:
    made = sandbox.dispute(pay(sandbox).id)
    assert sandbox.move_dispute(made["id"], "won", funds=False)["status"] == "won"
    assert sandbox.ledger()["disputed"] == 1000

    sandbox.reinstate_funds(made["id"])

    assert sandbox.ledger()["disputed"] == 0
    for control in (sandbox.withdraw_funds, sandbox.reinstate_funds):
        with pytest.raises(OSError, match="400"):
            control(made["id"])


def test_an_inquiry_moves_no_funds_unless_it_becomes_a_dispute(sandbox: Sandbox) -> None:
    intent, other = pay(sandbox), pay(sandbox)
    inquiry = sandbox.dispute(intent.id, status="warning_needs_response")
    closed = sandbox.dispute(other.id, status="warning_needs_response")
    assert inquiry["payment_method_details"]["card"]["case_type"] == "inquiry"

    assert sandbox.move_dispute(closed["id"], "warning_closed")["balance_transactions"] == []
    assert sandbox.ledger()["disputed"] == 0

    assert len(sandbox.move_dispute(inquiry["id"], "needs_response")["balance_transactions"]) == 1
    assert sandbox.ledger()["disputed"] == 1000


def test_a_prevented_dispute_gives_back_what_it_took(sandbox: Sandbox) -> None:
    made = sandbox.dispute(pay(sandbox).id)
    assert sandbox.move_dispute(made["id"], "prevented")["status"] == "prevented"
    assert sandbox.ledger()["disputed"] == 0
    assert sandbox.dispute(pay(sandbox).id, status="prevented")["balance_transactions"] == []


def test_a_disputed_charge_is_not_refunded(sandbox: Sandbox) -> None:
    refunds = client(sandbox).v1.refunds
    whole, part, inquiry = pay(sandbox), pay(sandbox), pay(sandbox)
    sandbox.dispute(whole.id)
    sandbox.dispute(part.id, amount=600)
    sandbox.dispute(inquiry.id, status="warning_needs_response")

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        refunds.create({"payment_intent": whole.id})
    assert refusal.value.code == "charge_disputed"
    with pytest.raises(stripe.InvalidRequestError):
        refunds.create({"payment_intent": part.id, "amount": 401})
    assert refunds.create({"payment_intent": part.id}).amount == 400
    assert refunds.create({"payment_intent": inquiry.id}).amount == 1000


def test_what_cannot_be_disputed_is_not(sandbox: Sandbox) -> None:
    unpaid = client(sandbox).v1.payment_intents.create({"amount": 1000, "currency": "brl"})
    for intent_id, fields in (
        (pay_by_pix(sandbox).id, {}),
        (unpaid.id, {}),
        (pay(sandbox).id, {"amount": 1001}),
        (pay(sandbox).id, {"reason": "no_reason"}),
        (pay(sandbox).id, {"misspelt": 1}),
    ):
        with pytest.raises(OSError, match="400"):
            sandbox.dispute(intent_id, **fields)
    assert client(sandbox).v1.disputes.list().data == []


@pytest.mark.parametrize(("text", "end"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_is_submitted_once_and_decides(sandbox: Sandbox, text: str, end: str) -> None:
    sandbox.set_later(3600)
    disputes = client(sandbox).v1.disputes
    made = sandbox.dispute(pay(sandbox).id)
    draft = disputes.update(made["id"], {"evidence": {"product_description": "A mug"}, "submit": False})
    assert (draft.status, draft.evidence_details.has_evidence) == ("needs_response", True)

    sent = disputes.update(made["id"], {"evidence": {"uncategorized_text": text}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    with pytest.raises(stripe.InvalidRequestError):
        disputes.update(made["id"], {"evidence": {"uncategorized_text": "more"}})

    sandbox.happen_now()
    assert disputes.retrieve(made["id"]).status == end


def test_disputes_are_listed_by_charge_and_by_time(sandbox: Sandbox) -> None:
    disputes = client(sandbox).v1.disputes
    one, other = pay(sandbox), pay(sandbox)
    made = sandbox.dispute(one.id)
    sandbox.dispute(other.id)

    assert [dispute.id for dispute in disputes.list({"charge": str(one.latest_charge)}).data] == [made["id"]]
    assert len(disputes.list({"created": {"gte": int(time.time()) - 60}}).data) == 2
    assert disputes.list({"created": {"lt": int(time.time()) - 60}}).data == []
