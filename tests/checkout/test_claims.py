"""Two workers at once, on two connections: each webhook event and each open refund is claimed by one of them."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import REGISTRY

from checkout import services, settle_webhooks, sweeper
from payments import services as payments
from payments import webhook_inbox as messages
from payments.models import Refund, RefundStatus, WebhookEvent
from payments.models.refunds import RefundQuerySet
from payments.models.webhook_events import LEASE, WebhookEventQuerySet
from payments.sandbox.webhooks import sign
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = 3


@contextmanager
def in_another_connection(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


class Gate:
    """Blocks the first caller until it is opened; later callers pass."""

    def __init__(self, verb: Callable[..., Any]) -> None:
        self._verb, self.reached, self._open = verb, Event(), Event()

    def __call__(self, *arguments: Any) -> Any:
        if not self.reached.is_set():
            self.reached.set()
            assert self._open.wait(20)
        return self._verb(*arguments)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def events(sandbox: Sandbox) -> int:
    """Creates waiting webhook events; returns how many."""
    for _ in range(ORDERS):
        order_of(ready_cart())
    for event in sandbox.events():
        raw = json.dumps({name: value for name, value in event.items() if name not in {"tries", "delivered"}})
        messages.store_webhook("stripe", raw.encode(), sign(raw, WEBHOOK_SECRET))
    return WebhookEvent.objects.count()


@pytest.fixture
def open_refunds(sandbox: Sandbox) -> int:
    """Creates refunds whose answer was lost; returns how many."""
    sandbox.fault("lost_answer", path="/v1/refunds", times=ORDERS)
    for _ in range(ORDERS):
        order = order_of(ready_cart())
        services.refund_order(order, amount=order.total, reason="damaged", restock=True, idempotency_key="refund-1")
    Refund.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    return ORDERS


def counted(sweep: str) -> float:
    return REGISTRY.get_sample_value("sweeper_settled_total", {"sweep": sweep}) or 0


def unguarded_events(events: WebhookEventQuerySet, _now: Any, limit: int) -> list[WebhookEvent]:
    return list(events[:limit])


def unguarded_refund(stale: RefundQuerySet, _before: Any) -> Refund | None:
    return stale.first()


@pytest.mark.parametrize("guarded", [True, False])
def test_an_event_is_settled_by_one_worker(guarded: bool, events: int, monkeypatch: Any) -> None:
    if not guarded:
        monkeypatch.setattr(WebhookEventQuerySet, "claim", unguarded_events)
    gate, before = Gate(settle_webhooks._settle_event), counted("webhooks")
    monkeypatch.setattr(settle_webhooks, "_settle_event", gate)
    with in_another_connection(settle_webhooks.settle_waiting_events) as first:
        assert gate.reached.wait(20)
        assert settle_webhooks.settle_waiting_events() == (0 if guarded else events)
        gate.open()
    assert first.result() == events
    if guarded:
        assert not WebhookEvent.objects.waiting().exists()
        assert counted("webhooks") - before == events


def test_concurrent_claims_do_not_overlap(events: int) -> None:
    claimed, go_on = Event(), Event()

    def claim_slowly() -> set[int]:
        with transaction.atomic():
            mine = WebhookEvent.objects.claim(timezone.now(), 1)
            claimed.set()
            assert go_on.wait(20)
        return {event.pk for event in mine}

    with in_another_connection(claim_slowly) as first:
        assert claimed.wait(20)
        second = {event.pk for event in payments.claim_events(events)}
        go_on.set()
    assert len(second) == events - 1
    assert not first.result() & second


def test_a_dead_workers_events_are_claimed_after_the_lease(events: int) -> None:
    assert len(payments.claim_events(events)) == events
    assert settle_webhooks.settle_waiting_events() == 0
    WebhookEvent.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert settle_webhooks.settle_waiting_events() == events


def test_a_failed_event_does_not_wait_for_the_lease() -> None:
    WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={"broken": True})
    assert [settle_webhooks.settle_waiting_events() for _ in range(2)] == [0, 0]
    assert WebhookEvent.objects.get().tries == 2


@pytest.mark.parametrize("guarded", [True, False])
def test_a_refund_is_looked_up_by_one_sweep(guarded: bool, open_refunds: int, monkeypatch: Any) -> None:
    looked_up: list[Refund] = []
    if not guarded:
        monkeypatch.setattr(RefundQuerySet, "claim_one", unguarded_refund)
    gate, settle, before = Gate(lambda _refund: None), sweeper.settle_refund, counted("refunds")

    def settle_slowly(refund: Refund) -> Refund:
        looked_up.append(refund)
        gate(refund)
        return settle(refund)

    monkeypatch.setattr(sweeper, "settle_refund", settle_slowly)
    with in_another_connection(sweeper.settle_stale_refunds) as first:
        assert gate.reached.wait(20)
        second = sweeper.settle_stale_refunds()
        gate.open()
    assert Refund.objects.filter(status=RefundStatus.SUCCEEDED).count() == open_refunds
    if guarded:
        assert (first.result(), second) == (1, open_refunds - 1)
        assert counted("refunds") - before == open_refunds
    assert (len(looked_up) == open_refunds) == guarded


def test_a_refund_that_fails_to_settle_does_not_block_others(open_refunds: int, monkeypatch: Any) -> None:
    settle, oldest = sweeper.settle_refund, Refund.objects.order_by("created_at", "pk")[0]

    def fail_once(refund: Refund) -> Refund:
        if refund == oldest:
            raise RuntimeError("on purpose")
        return settle(refund)

    monkeypatch.setattr(sweeper, "settle_refund", fail_once)
    assert sweeper.settle_stale_refunds() == open_refunds - 1
