"""Fifty concurrent callers on one cart: two tabs, an app that retries, other apps, webhooks, the sweeper."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.signing import get_cookie_signer
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.urls import reverse

from cart.session import COOKIE, SALT
from cart.snapshot import CartSnapshot
from checkout import tasks
from checkout.models import LIVE, Order
from inventory.models import Stock
from tests.faults.crash_cases import deliver_webhooks
from tests.races.callers import all_at_once, deadlocks
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.guards_off import without_cart_lock, without_one_live_order_per_cart, without_redis_lock
from tests.support.orders import VISA, order_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

TABS, SAME_KEY, OTHER_KEYS, WEBHOOKS, SWEEPERS = 10, 15, 15, 5, 5
TAB_KEYS = [str(uuid.uuid4()), str(uuid.uuid4())]
REFUSED = {402, 409, 503}


def app(cart: CartSnapshot, key: str) -> str:
    """An app's request; returns the order number in the response, or an empty string."""
    answer = Client(raise_request_exception=True).post(
        f"/api/v1/carts/{cart.id}/checkout/",
        json.dumps({"payment_method": VISA, "expected_total": str(cart.total)}),
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code in {201, 202, *REFUSED}, answer.content
    return str(answer.json().get("number", ""))


def tab(cart: CartSnapshot, key: str) -> str:
    """A browser's request from the checkout page; returns the number of the order it leads to, or an empty string."""
    client = Client(raise_request_exception=True)
    client.cookies[COOKIE] = get_cookie_signer(COOKIE + SALT).sign(cart.id)
    form = {"cart": cart.id, "expected_total": str(cart.total), "method": "card", "payment_method": VISA}
    answer = client.post(reverse("checkout:pay"), form | {"idempotency_key": key})
    assert answer.status_code in {202, 302, 303, *REFUSED}, answer.content
    found = re.search(r"/orders/(\w{10})/", answer.headers.get("Location", ""))
    return found[1] if found else ""


def webhook(sandbox: Sandbox) -> str:
    deliver_webhooks(sandbox)
    tasks.settle_webhook_events()
    return ""


def sweeper() -> str:
    tasks.sweep()
    return ""


def mixed(cart: CartSnapshot, sandbox: Sandbox) -> list[Callable[[], str]]:
    calls: list[Callable[[], str]] = []
    calls += [lambda number=number: tab(cart, TAB_KEYS[number % 2]) for number in range(TABS)]
    calls += [lambda: app(cart, "the same")] * SAME_KEY
    calls += [lambda number=number: app(cart, f"other-{number}") for number in range(OTHER_KEYS)]
    calls += [lambda: webhook(sandbox)] * WEBHOOKS
    calls += [sweeper] * SWEEPERS
    return calls


def test_fifty_mixed_callers_make_one_order(sandbox: Sandbox, books: Books) -> None:
    cart = ready_cart([ProductFactory(stock=50)])
    books.open()
    before = deadlocks()
    calls = mixed(cart, sandbox)
    assert len(calls) == 50
    numbers = {number for number in map(str, all_at_once(calls)) if number}
    two_minutes()
    order = Order.objects.get(status__in=LIVE)
    assert numbers == {order.number}
    assert sandbox.ledger()["intents"].get("succeeded") == 1
    assert deadlocks() == before
    books.check("race: 50 mixed callers of one cart", 1)


def test_also_without_redis_locks(sandbox: Sandbox, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    cart = ready_cart([ProductFactory(stock=50)])
    books.open()
    with without_redis_lock(monkeypatch):
        numbers = {number for number in map(str, all_at_once(mixed(cart, sandbox))) if number}
    two_minutes()
    assert numbers == {Order.objects.get(status__in=LIVE).number}
    books.check("race: 50 mixed callers, no lock in Redis", 1)


class TestWithTheGuardsOff:
    """The race is real: without the cart's lock only the constraint stops it, and without that nothing does."""

    CALLERS = 6

    def race(self, cart: CartSnapshot, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        def buy() -> str:
            try:
                return order_of(cart).status
            except IntegrityError as error:
                return "stopped" if "order_one_live_order_per_cart" in str(error) else str(error)
            except OperationalError as error:  # without the cart's lock there is no lock order
                return "deadlock" if "deadlock" in str(error) else str(error)

        with without_redis_lock(monkeypatch), without_cart_lock(monkeypatch, self.CALLERS):
            return all_at_once([buy] * self.CALLERS)

    def test_the_constraint_stops_the_second_order(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = self.race(ready_cart([ProductFactory(stock=50)]), monkeypatch)
        assert answers.count("paid") == 1
        assert answers.count("stopped") == self.CALLERS - 1

    def test_without_it_the_cart_is_charged_several_times(
        self, sandbox: Sandbox, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cart = ready_cart([ProductFactory(stock=50)])
        books.open()
        with without_one_live_order_per_cart():
            self.race(cart, monkeypatch)
            assert sandbox.ledger()["captured"] > int(cart.total * 100)
            assert books.taken(at_rest=False).problems


def test_repeats_of_a_request_that_is_refused_are_refused_too(sandbox: Sandbox) -> None:
    """Its key may be released just as a repeat looks it up: no repeat may fail because of that."""
    product = ProductFactory(stock=5)
    cart = ready_cart([product])
    Stock.objects.update(on_hand=0)
    for round_ in range(5):
        numbers = all_at_once([lambda key=f"round-{round_}": app(cart, key)] * 12)
        assert set(map(str, numbers)) == {""}
