"""Lists of the sandbox page as Stripe's do, and stay quick when other applications fill the account."""

import time

import pytest
import stripe

from tests.payments.sandbox_client import client
from tests.support.sandbox import Sandbox

MANY = 20_000


def test_the_list_pages_both_ways_and_filters_by_time(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    made = [intents.create({"amount": 1000 + number, "currency": "brl"}).id for number in range(5)]
    now = int(time.time())

    page = intents.list({"limit": 2})
    assert [intent.id for intent in page.data] == made[:2:-1]
    assert [intent.id for intent in page.auto_paging_iter()] == made[::-1]
    before = intents.list({"limit": 2, "ending_before": made[0]})
    assert ([intent.id for intent in before.data], before.has_more) == ([made[2], made[1]], True)
    assert intents.list({"created": {"gte": now + 60}}).data == []
    assert len(intents.list({"created": {"lte": now + 60, "gt": now - 60}}).data) == 5


def test_an_unknown_cursor_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client(sandbox).v1.payment_intents.list({"starting_after": "pi_nothing"})
    assert (refusal.value.code, refusal.value.param) == ("resource_missing", "starting_after")


def test_the_list_is_ordered_by_creation_not_by_arrival(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    now = int(time.time())
    ours = intents.create({"amount": 1000, "currency": "brl"}).id
    made = sandbox.add_foreign_intents(3, created_from=now - 200, created_to=now - 100)

    listed = [intent.id for intent in intents.list().data]
    assert (listed[0], listed[1], listed[-1]) == (ours, made["last"], made["first"])


def test_twenty_thousand_foreign_intents_are_listed_quickly(sandbox: Sandbox) -> None:
    intents = client(sandbox).v1.payment_intents
    ours = intents.create({"amount": 1000, "currency": "brl", "confirm": True, "payment_method": "pm_card_visa"})
    now = int(time.time())
    sandbox.add_foreign_intents(MANY, created_from=now - 7200, created_to=now - 3600)

    started = time.monotonic()
    old = intents.list({"created": {"gte": now - 5400, "lte": now - 5399}, "limit": 100})
    late = intents.list({"limit": 100, "starting_after": old.data[-1].id})
    taken = time.monotonic() - started

    assert len(old.data) in range(10, 13)
    assert len(late.data) == 100
    assert late.data[0].created <= old.data[-1].created
    assert taken < 0.5
    books = sandbox.ledger()
    assert (books["captured"], books["foreign"]) == (ours.amount, {"intents": MANY, "captured": MANY * 1000})


def test_foreign_intents_may_be_unpaid_and_may_have_events(sandbox: Sandbox) -> None:
    sandbox.add_foreign_intents(2, captured=False, events=True)
    sandbox.add_foreign_intents(2, events=True, amount=700, metadata={"shop": "other"})

    events = sandbox.events()
    assert [event["type"] for event in events] == ["payment_intent.succeeded"] * 2
    assert events[0]["data"]["object"]["metadata"] == {"shop": "other"}
    assert sandbox.ledger()["foreign"] == {"intents": 4, "captured": 1400}
