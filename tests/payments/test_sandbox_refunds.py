"""Refunds in the sandbox live on after they were made, as Stripe's do."""

import time

import pytest
import stripe

from tests.payments.sandbox_client import client, event_types, pay, pay_by_pix, post
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually


def refund(sandbox: Sandbox, intent: stripe.PaymentIntent, amount: int | None = None) -> stripe.Refund:
    return client(sandbox).v1.refunds.create(
        {"payment_intent": intent.id, "metadata": {"refund": "r1"}, **({"amount": amount} if amount else {})}  # type: ignore[typeddict-item]
    )


def test_a_refund_that_begins_pending_succeeds_later(sandbox: Sandbox) -> None:
    sandbox.set_later(3600)
    made = refund(sandbox, pay(sandbox, "pm_card_pendingRefund"))
    assert (made.status, made.pending_reason) == ("pending", "processing")
    assert (sandbox.ledger()["refunded"], sandbox.ledger()["pending"]) == (0, 1000)

    sandbox.advance_clock(3601)

    made = client(sandbox).v1.refunds.retrieve(made.id)
    assert made.status == "succeeded"
    assert "pending_reason" not in made.to_dict()
    assert event_types(sandbox) == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert sandbox.events()[-1]["data"]["previous_attributes"] == {"status": "pending", "pending_reason": "processing"}
    assert (sandbox.ledger()["refunded"], sandbox.ledger()["pending"]) == (1000, 0)


def test_a_refund_that_succeeded_fails_later_and_can_be_made_again(sandbox: Sandbox) -> None:
    sandbox.set_later(3600)
    intent = pay(sandbox, "pm_card_refundFail")
    made = refund(sandbox, intent)
    assert made.status == "succeeded"

    assert sandbox.happen_now() == 1

    made = client(sandbox).v1.refunds.retrieve(made.id)
    assert (made.status, made.failure_reason) == ("failed", "expired_or_canceled_card")
    assert made.failure_balance_transaction != made.balance_transaction
    assert event_types(sandbox)[2:] == ["refund.updated", "charge.refund.updated", "refund.failed"]
    assert sandbox.ledger()["refunded"] == 0
    charge = client(sandbox).v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert refund(sandbox, intent).status == "succeeded"


def test_what_comes_later_comes_by_itself(sandbox: Sandbox) -> None:
    sandbox.set_later(0.2)
    made = refund(sandbox, pay(sandbox, "pm_card_refundFail"))

    eventually(lambda: client(sandbox).v1.refunds.retrieve(made.id).status == "failed", seconds=5)


@pytest.mark.parametrize(
    ("number", "statuses"), [("4000000000007726", ("pending", 1000)), ("4000000000005126", ("succeeded", 0))]
)
def test_the_card_numbers_behave_as_their_tokens(sandbox: Sandbox, number: str, statuses: tuple[str, int]) -> None:
    sandbox.set_later(3600)
    card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "40", "card[cvc]": "123"}
    method = post(sandbox, "/v1/payment_methods", {"type": "card", **card}, key=sandbox.publishable_key)[2]
    made = refund(sandbox, pay(sandbox, method["id"]))

    assert (made.status, sandbox.ledger()["pending"]) == statuses


def test_a_control_moves_a_refund_to_any_status(sandbox: Sandbox) -> None:
    made = refund(sandbox, pay(sandbox))
    for status in ("pending", "requires_action", "canceled", "failed", "succeeded"):
        assert sandbox.move_refund(made.id, status)["status"] == status
        assert client(sandbox).v1.refunds.retrieve(made.id).status == status
        assert sandbox.ledger()["refunded"] == (1000 if status == "succeeded" else 0)
        assert sandbox.ledger()["pending"] == (1000 if status in {"pending", "requires_action"} else 0)

    moved = sandbox.move_refund(made.id, "failed", failure_reason="lost_or_stolen_card")
    assert moved["failure_reason"] == "lost_or_stolen_card"
    with pytest.raises(OSError, match="400"):
        sandbox.move_refund(made.id, "lost")


def test_moving_a_refund_by_hand_forgets_what_was_to_come(sandbox: Sandbox) -> None:
    sandbox.set_later(3600)
    made = refund(sandbox, pay(sandbox, "pm_card_pendingRefund"))
    sandbox.move_refund(made.id, "failed", failure_reason="declined")

    assert sandbox.happen_now() == 0
    assert client(sandbox).v1.refunds.retrieve(made.id).status == "failed"


def test_a_refund_without_funds_waits_for_a_card_and_fails_for_pix(sandbox: Sandbox) -> None:
    by_card, by_pix = pay(sandbox), pay_by_pix(sandbox)
    sandbox.fault("refunds_unfunded")

    waiting, failed = refund(sandbox, by_card), refund(sandbox, by_pix)

    assert (waiting.status, waiting.pending_reason) == ("pending", "insufficient_funds")
    assert waiting.balance_transaction is None
    assert (failed.status, failed.failure_reason) == ("failed", "insufficient_funds")
    assert event_types(sandbox) == ["refund.created", "charge.refunded", "refund.created", "refund.failed"]
    assert (sandbox.ledger()["refunded"], sandbox.ledger()["pending"]) == (0, 1000)
    sandbox.no_faults()
    assert refund(sandbox, by_pix).status == "succeeded"


def test_faults_let_refunds_wait_or_fail_or_be_refused_so_often(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    sandbox.fault("refunds_failed", code="declined", times=1)
    sandbox.fault("refunds_pending", seconds=3600, times=1)

    assert [refund(sandbox, intent, 100).status for _ in range(3)] == ["failed", "pending", "succeeded"]

    sandbox.fault("refunds_refused", times=1)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        refund(sandbox, intent, 100)
    assert refusal.value.code == "balance_insufficient"
    assert refund(sandbox, intent, 100).status == "succeeded"


def test_a_refusal_is_kept_under_its_key(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    sandbox.refund_by_hand(intent.id)
    form = {"payment_intent": intent.id}
    first = post(sandbox, "/v1/refunds", form, idempotency_key="r")
    again = post(sandbox, "/v1/refunds", form, idempotency_key="r")

    assert first[2]["error"]["code"] == "charge_already_refunded"
    assert (again[0], again[2], again[1]["Idempotent-Replayed"]) == (400, first[2], "true")


def test_pending_refunds_are_not_refundable_twice(sandbox: Sandbox) -> None:
    sandbox.set_later(3600)
    intent = pay(sandbox, "pm_card_pendingRefund")
    refund(sandbox, intent, 600)

    with pytest.raises(stripe.InvalidRequestError):
        refund(sandbox, intent, 401)
    refund(sandbox, intent, 400)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        refund(sandbox, intent)
    assert refusal.value.code == "charge_already_refunded"


def test_only_a_refund_that_waits_for_the_customer_can_be_cancelled(sandbox: Sandbox) -> None:
    intent = pay(sandbox)
    refunds = client(sandbox).v1.refunds
    made = refund(sandbox, intent)
    with pytest.raises(stripe.InvalidRequestError):
        refunds.cancel(made.id)

    sandbox.move_refund(made.id, "requires_action")
    assert refunds.cancel(made.id).status == "canceled"
    assert sandbox.charges() == [{
        "intent": intent.id, "charge": intent.latest_charge, "order": "1", "currency": "brl", "captured": 1000,
        "refunded": 0, "pending": 0, "disputed": 0, "disputes": [],
    }]  # fmt: skip


def test_the_metadata_of_a_refund_can_be_changed(sandbox: Sandbox) -> None:
    refunds = client(sandbox).v1.refunds
    made = refund(sandbox, pay(sandbox))

    changed = refunds.update(made.id, {"metadata": {"refund": "", "note": "x"}})
    assert changed.to_dict()["metadata"] == {"note": "x"}
    assert event_types(sandbox)[-1] == "refund.updated"


def test_refunds_are_listed_by_intent_by_charge_and_by_time(sandbox: Sandbox) -> None:
    refunds = client(sandbox).v1.refunds
    one, other = pay(sandbox), pay(sandbox)
    first, second = refund(sandbox, one, 100), refund(sandbox, one, 200)
    refund(sandbox, other)

    assert [made.id for made in refunds.list({"payment_intent": one.id}).data] == [second.id, first.id]
    assert [made.id for made in refunds.list({"charge": str(one.latest_charge)}).data] == [second.id, first.id]
    assert len(refunds.list({"created": {"gte": int(time.time()) - 60}}).data) == 3
    assert refunds.list({"created": {"lt": int(time.time()) - 60}}).data == []
