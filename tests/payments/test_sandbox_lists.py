"""Lists of the sandbox page as Stripe's do, and stay quick when other applications fill the account."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import stripe

from payments.sandbox import events, intents, refunds
from payments.sandbox.bulk import add_foreign_intents
from payments.sandbox.context import Context
from payments.sandbox.faults import Faults, parse
from payments.sandbox.store import Store
from payments.sandbox.wire import Params
from tests.payments.sandbox_client import client
from tests.support.sandbox import Sandbox

MANY = 20_000


def test_the_list_pages_both_ways_and_filters_by_time(sandbox: Sandbox) -> None:
    api = client(sandbox).v1.payment_intents
    made = [api.create({"amount": 1000 + number, "currency": "brl"}).id for number in range(5)]
    now = int(time.time())

    page = api.list({"limit": 2})
    assert [intent.id for intent in page.data] == made[:2:-1]
    assert [intent.id for intent in page.auto_paging_iter()] == made[::-1]
    before = api.list({"limit": 2, "ending_before": made[0]})
    assert ([intent.id for intent in before.data], before.has_more) == ([made[2], made[1]], True)
    assert api.list({"created": {"gte": now + 60}}).data == []
    assert len(api.list({"created": {"lte": now + 60, "gt": now - 60}}).data) == 5


def test_an_unknown_cursor_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client(sandbox).v1.payment_intents.list({"starting_after": "pi_nothing"})
    assert (refusal.value.code, refusal.value.param) == ("resource_missing", "starting_after")


def test_the_list_is_ordered_by_creation_not_by_arrival(sandbox: Sandbox) -> None:
    api = client(sandbox).v1.payment_intents
    now = int(time.time())
    ours = api.create({"amount": 1000, "currency": "brl"}).id
    made = sandbox.add_foreign_intents(3, created_from=now - 200, created_to=now - 100)

    listed = [intent.id for intent in api.list().data]
    assert (listed[0], listed[1], listed[-1]) == (ours, made["last"], made["first"])


def test_foreign_intents_are_listed_and_counted_apart(sandbox: Sandbox) -> None:
    api = client(sandbox).v1.payment_intents
    ours = api.create({"amount": 1000, "currency": "brl", "confirm": True, "payment_method": "pm_card_visa"})
    now = int(time.time())
    sandbox.add_foreign_intents(MANY, created_from=now - 7200, created_to=now - 3600)

    old = api.list({"created": {"gte": now - 5400, "lte": now - 5399}, "limit": 100})
    late = api.list({"limit": 100, "starting_after": old.data[-1].id})

    assert len(old.data) in range(10, 13)
    assert len(late.data) == 100
    assert late.data[0].created <= old.data[-1].created
    books = sandbox.ledger()
    assert (books["captured"], books["foreign"]) == (ours.amount, {"intents": MANY, "captured": MANY * 1000})


def steps(store: Store, read: Callable[[], object]) -> int:
    """The steps that SQLite takes for it."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    store._connection.set_progress_handler(count, 1)
    read()
    store._connection.set_progress_handler(None, 1)
    return taken


def costs_of_pages(store: Store, count: int) -> list[int]:
    """The steps for each of some pages, with so many intents and events."""
    context, now = Context(store, Faults(parse)), store.now()
    created = {"created_from": now - count, "created_to": now - 1}
    made = add_foreign_intents(context, {"count": count, "events": True, **created})
    last_event = events.list_(context, {})["data"][-1]["id"]
    pages: list[tuple[Callable[[Context, Params], object], Params]] = [
        (intents.list_, {"limit": "100"}),
        (intents.list_, {"limit": "100", "starting_after": made["last"]}),
        (intents.list_, {"limit": "10", "ending_before": made["first"]}),
        (intents.list_, {"limit": "10", "created": {"gte": str(now - 300), "lte": str(now - 200)}}),
        (refunds.list_, {"payment_intent": made["first"]}),
        (events.list_, {"limit": "100"}),
        (events.list_, {"limit": "10", "starting_after": last_event}),
    ]
    return [steps(store, partial(page, context, params)) for page, params in pages]


def test_a_page_costs_the_same_with_twenty_thousand_intents(tmp_path: Path) -> None:
    few, many = (costs_of_pages(Store(tmp_path / str(count)), count) for count in (400, MANY))

    assert min(few) > 10
    assert all(more <= less * 1.1 + 50 for less, more in zip(few, many, strict=True)), (few, many)


def test_foreign_intents_may_be_unpaid_and_may_have_events(sandbox: Sandbox) -> None:
    sandbox.add_foreign_intents(2, captured=False, events=True)
    sandbox.add_foreign_intents(2, events=True, amount=700, metadata={"shop": "other"})

    made = sandbox.events()
    assert [event["type"] for event in made] == ["payment_intent.succeeded"] * 2
    assert made[0]["data"]["object"]["metadata"] == {"shop": "other"}
    assert sandbox.ledger()["foreign"] == {"intents": 4, "captured": 1400}
