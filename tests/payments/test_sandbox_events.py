"""Events of the sandbox can be listed, and are delivered as badly as faults ask for."""

import json
import time
from typing import Any

import pytest
import stripe

from tests.payments.conftest import Shop
from tests.payments.sandbox_client import client, pay
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually


def types_of(messages: list[tuple[bytes, str]]) -> list[str]:
    return [json.loads(body)["type"] for body, _signature in messages]


def a_refund(sandbox: Sandbox) -> None:
    """Makes a payment, a refund of it and its failure: six events."""
    sandbox.set_later(3600)
    sandbox.refund_by_hand(pay(sandbox, "pm_card_refundFail").id)
    sandbox.happen_now()


SIX = [
    "payment_intent.succeeded",
    "refund.created",
    "charge.refunded",
    "refund.updated",
    "charge.refund.updated",
    "refund.failed",
]


def test_events_are_listed_newest_first_and_by_type(sandbox: Sandbox) -> None:
    a_refund(sandbox)
    events = client(sandbox).v1.events
    listed = events.list({"limit": 100}).data

    assert [event.type for event in listed] == SIX[::-1]
    assert events.retrieve(listed[0].id).data.object["status"] == "failed"
    wanted: Any = ["refund.failed", "refund.created"]
    assert [event.type for event in events.list({"types": wanted}).data] == wanted
    assert [event.type for event in events.list({"type": "charge.*"}).data] == [
        "charge.refund.updated",
        "charge.refunded",
    ]
    assert [event.type for event in events.list({"limit": 2}).auto_paging_iter()] == SIX[::-1]
    before = events.list({"ending_before": listed[-1].id, "limit": 2})
    assert ([event.type for event in before.data], before.has_more) == (["charge.refunded", "refund.created"], True)
    with pytest.raises(stripe.InvalidRequestError):
        events.list({"types": wanted, "type": "charge.*"})
    with pytest.raises(stripe.InvalidRequestError):
        events.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError):
        events.list({"starting_after": "evt_nothing"})


def test_events_are_listed_by_time_for_thirty_days(sandbox: Sandbox) -> None:
    pay(sandbox)
    events, now = client(sandbox).v1.events, int(time.time())
    [event] = events.list({"created": {"gte": now - 60, "lte": now + 60}}).data
    assert events.list({"created": {"gt": now + 60}}).data == []

    sandbox.advance_clock(31 * 86_400)

    assert events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        events.retrieve(event.id)


def test_an_event_says_whether_it_was_delivered(sandbox: Sandbox, shop: Shop) -> None:
    pay(sandbox)
    events = client(sandbox).v1.events
    assert events.list({"delivery_success": False}).data[0].pending_webhooks == 1

    sandbox.deliver_to(shop.url)

    eventually(lambda: [event.pending_webhooks for event in events.list({"delivery_success": True}).data] == [0])


def test_late_events_come_when_their_time_has_come(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.deliver_to(shop.url)
    sandbox.fault("webhooks_late", seconds=3600, types=["charge.*"])
    a_refund(sandbox)

    assert sorted(types_of(shop.wait_for(4))) == sorted(set(SIX) - {"charge.refunded", "charge.refund.updated"})
    sandbox.no_faults()
    sandbox.advance_clock(3600)
    assert sorted(types_of(shop.wait_for(6))[4:]) == ["charge.refund.updated", "charge.refunded"]


def test_shuffled_events_overtake_each_other(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.deliver_to(shop.url)
    sandbox.fault("webhooks_shuffled", seconds=4)
    sandbox.refund_by_hand(pay(sandbox).id)

    assert types_of(shop.wait_for(3)) == ["charge.refunded", "refund.created", "payment_intent.succeeded"]


def test_lost_events_never_come(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.fault("webhooks_lost", types=["refund.failed"])
    sandbox.fault("webhooks_lost", types=["payment_intent.*"], times=1)
    a_refund(sandbox)
    sandbox.no_faults()
    sandbox.deliver_to(shop.url)
    sandbox.advance_clock(86_400)

    assert sorted(types_of(shop.wait_for(4))) == sorted(SIX[1:-1])
    eventually(lambda: sum(event["delivered"] for event in sandbox.events()) == 4)
    assert [event["type"] for event in sandbox.events() if event["lost"]] == [SIX[0], SIX[-1]]
    sandbox.redeliver(sandbox.events()[-1]["id"])
    assert types_of(shop.wait_for(5))[4:] == ["refund.failed"]


def test_events_of_a_type_are_held_or_doubled(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.deliver_to(shop.url)
    sandbox.fault("webhooks_held", types=["charge.*"])
    sandbox.fault("webhooks_doubled", types=["refund.failed"])
    a_refund(sandbox)

    assert sorted(types_of(shop.wait_for(5))) == sorted([SIX[0], SIX[1], SIX[3], SIX[5], SIX[5]])
    sandbox.no_faults()
    assert sorted(types_of(shop.wait_for(7))[5:]) == ["charge.refund.updated", "charge.refunded"]


def test_bad_deliveries_combine(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.deliver_to(shop.url)
    sandbox.fault("webhooks_late", seconds=3600)
    sandbox.fault("webhooks_shuffled", seconds=4)
    sandbox.fault("webhooks_doubled")
    sandbox.fault("webhooks_lost", types=["charge.refunded"])
    sandbox.refund_by_hand(pay(sandbox).id)
    sandbox.advance_clock(3600)

    assert types_of(shop.wait_for(4)) == ["refund.created"] * 2 + ["payment_intent.succeeded"] * 2
