"""Webhooks in any order, duplicated, before the attempt is committed or days late: the same final state."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from checkout import tasks
from checkout.models import Order
from inventory.models import Product, Stock
from payments import webhook_inbox
from payments.models import PaymentAttempt, WebhookEvent
from payments.sandbox.webhooks import sign
from tests.faults import FULL
from tests.faults.crash_cases import Case, authenticates, pays_pix
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, order_of
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox
from tests.support.simulated_time import pass_time, two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

SHUFFLES = 60 if FULL else 12
DAYS_LATE = 3 * 24 * 60 * 60


def store(event: dict[str, Any]) -> None:
    raw = json.dumps({name: value for name, value in event.items() if name not in {"tries", "delivered"}})
    webhook_inbox.store_webhook("stripe", raw.encode(), sign(raw, WEBHOOK_SECRET))


def final_state(order: Order) -> tuple[Any, ...]:
    order.refresh_from_db()
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    stock = list(Stock.objects.values_list("on_hand", "reserved"))
    return order.status, order.cart.status, attempt.status, attempt.captured, attempt.payment.status, stock


def deliver(events: list[dict[str, Any]], chance: random.Random) -> None:
    """All events at least once, some several times, in any order, with settling in between or only at the end."""
    shuffled = [*events, *chance.choices(events, k=chance.randint(0, 4))]
    chance.shuffle(shuffled)
    for event in shuffled:
        store(event)
        if chance.random() < 0.5:
            tasks.settle_webhook_events()
        if chance.random() < 0.2:
            pass_time(chance.choice([1, 60]))
    tasks.settle_webhook_events()


@pytest.mark.parametrize("way", ["3-D Secure", "refused 3-D Secure", "Pix"])
@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_shuffled_and_repeated(way: str, seed: int, sandbox: Sandbox, books: Books) -> None:
    case = Case(ready_cart([ProductFactory(stock=5)]), sandbox, "pix" if way == "Pix" else AUTHENTICATE)
    books.open()
    order = case.order()
    if way == "refused 3-D Secure":
        sandbox.answer_challenge(case.reference, authenticate=False)
    else:
        (pays_pix if way == "Pix" else authenticates)(case)
    deliver(sandbox.events(), random.Random(seed))
    two_minutes()
    status = final_state(order)[0]
    assert status == ("cancelled" if way == "refused 3-D Secure" else "paid")
    books.check("webhooks shuffled and repeated", 1)


def test_before_the_attempt_is_committed(sandbox: Sandbox, books: Books) -> None:
    """The event is about a charge whose attempt has no row yet: it waits in the inbox until there is one."""
    product: Product = ProductFactory(stock=5)
    cart = ready_cart([product])
    books.open()
    order = order_of(cart, AUTHENTICATE)
    attempt = PaymentAttempt.objects.get(payment=order.payment_id)
    sandbox.answer_challenge(attempt.provider_reference, authenticate=True)
    with hidden(attempt):
        deliver(sandbox.events(), random.Random(0))
        assert WebhookEvent.objects.filter(handled_at=None).exclude(last_error="").count() == len(sandbox.events())
    assert final_state(order)[0] == "awaiting_payment"
    tasks.settle_webhook_events()
    assert final_state(order)[0] == "paid"
    two_minutes()
    books.check("webhooks before the order", 1)


@contextmanager
def hidden(attempt: PaymentAttempt) -> Iterator[None]:
    """Within the block the attempt's row is missing, as before its transaction commits."""
    PaymentAttempt.objects.filter(pk=attempt.pk).delete()
    try:
        yield
    finally:
        attempt.save(force_insert=True)


@pytest.mark.parametrize("way", ["3-D Secure", "Pix"])
def test_days_late(way: str, sandbox: Sandbox, books: Books) -> None:
    """The sweeper has resolved it long before; a late webhook changes nothing."""
    case = Case(ready_cart([ProductFactory(stock=5)]), sandbox, "pix" if way == "Pix" else AUTHENTICATE)
    books.open()
    order = case.order()
    (pays_pix if way == "Pix" else authenticates)(case)
    pass_time(31 * 60)
    two_minutes()
    before = final_state(order)
    assert before[0] == "paid"
    pass_time(DAYS_LATE)
    deliver(sandbox.events(), random.Random(1))
    two_minutes()
    assert final_state(order) == before
    books.check("webhooks days late", 1)


@pytest.mark.usefixtures("nothing_before_the_test")
@pytest.mark.parametrize("way", ["3-D Secure", "Pix"])
def test_never(way: str, sandbox: Sandbox, books: Books, move_clocks: Callable[[float], None]) -> None:
    """The shopper paid and closed the tab, and no webhook ever arrives: a lookup at the provider resolves it."""
    case = Case(ready_cart([ProductFactory(stock=5)]), sandbox, "pix" if way == "Pix" else AUTHENTICATE)
    books.open()
    order = case.order()
    (pays_pix if way == "Pix" else authenticates)(case)
    move_clocks(5 * 60)
    tasks.reconcile()
    assert final_state(order)[0] == "paid"
    two_minutes(move_clocks)
    books.check("webhooks that never come", 1)
