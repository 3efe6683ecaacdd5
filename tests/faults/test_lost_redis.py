"""Losing all of Redis loses nothing that matters: idempotency keys, carts, locks, breakers."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from cart.snapshot import CartSnapshot
from checkout.models import Order
from tests.support.books import Books
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import DECLINED, VISA
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)


def flush_redis() -> None:
    """Like FLUSHALL, but for this test's keys only."""
    cache.delete_pattern("*")


def buy(cart: CartSnapshot, key: str, method: str = VISA) -> Any:
    return Client().post(
        f"/api/v1/carts/{cart.id}/checkout/",
        json.dumps({"payment_method": method, "expected_total": str(cart.total)}),
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )


def test_a_key_replays_after_redis_was_flushed(books: Books) -> None:
    cart = ready_cart([ProductFactory(stock=5)])
    books.open()
    first = buy(cart, "one")
    assert first.status_code == 201
    flush_redis()
    again = buy(cart, "one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert buy(cart, "one", DECLINED).status_code == 422
    assert Order.objects.count() == 1
    two_minutes()
    books.check("Redis flushed between repeats", 1)


def test_a_declined_card_stays_declined_under_its_key(books: Books) -> None:
    cart = ready_cart([ProductFactory(stock=5)])
    books.open()
    assert buy(cart, "one", DECLINED).status_code == 402
    flush_redis()
    assert buy(cart, "one", DECLINED)["Idempotent-Replayed"] == "true"
    assert buy(cart, "two").status_code == 201
    two_minutes()
    books.check("Redis flushed between repeats", 1)
