"""The cart's cached copy in Redis: read instead of Postgres, never overwritten by an older one, never required."""

import json

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection

from cart import cache as cart_cache
from cart import services, snapshot
from cart.models import Cart, CartLine
from cart.snapshot import CartSnapshot
from config.redis import guard
from config.redis.guard import GuardedConnection
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import filled_cart

pytestmark = pytest.mark.django_db


def test_a_warm_cart_is_read_without_a_statement(django_assert_num_queries) -> None:
    cart = filled_cart(3)
    snapshot.load(cart.id, None)
    with django_assert_num_queries(0):
        assert snapshot.load(cart.id, None) == cart


def test_a_warm_cart_of_a_user_and_the_absence_of_one_too(django_assert_num_queries) -> None:
    owner, without_cart = UserFactory(), UserFactory()
    cart = filled_cart(3, user_id=owner.pk)
    assert snapshot.load_live(without_cart.pk) is None
    assert snapshot.load_live(owner.pk) == cart
    with django_assert_num_queries(0):
        assert snapshot.load_live(owner.pk) == cart
        assert snapshot.load(cart.id, owner.pk) == cart
        assert snapshot.load_live(without_cart.pk) is None


def test_the_first_cart_of_a_user_replaces_the_cached_absence() -> None:
    user = UserFactory()
    assert snapshot.load_live(user.pk) is None
    cart = filled_cart(1, user_id=user.pk)
    assert snapshot.load_live(user.pk) == cart


def test_it_is_kept_for_an_hour_after_its_last_use() -> None:
    cart = filled_cart(1)
    redis, key = get_redis_connection("default"), cache.make_key(f"cart:{cart.id}")
    assert 3590 < redis.ttl(key) <= 3600
    redis.expire(key, 10)
    snapshot.load(cart.id, None)
    assert 3590 < redis.ttl(key) <= 3600


def test_a_slower_writer_does_not_restore_an_older_cart() -> None:
    cart = filled_cart(1)
    slow = Cart.objects.fetch(cart.id, None)
    newer = services.set_quantity(cart.id, cart.lines[0].sku, 5)
    snapshot.of_cart(slow)
    assert snapshot.load(cart.id, None) == newer


def test_an_invalidated_cart_is_not_restored_by_a_slow_reader() -> None:
    cart = filled_cart(1)
    slow = Cart.objects.fetch(cart.id, None)
    ordered = Cart.objects.fetch(cart.id, None)
    ordered.version += 1
    snapshot.forget(ordered)
    snapshot.of_cart(slow)
    assert cart_cache.recall(f"cart:{cart.id}") is None


def test_losing_redis_loses_nothing() -> None:
    cart = filled_cart(2)
    cache.delete_pattern("*")
    assert snapshot.load(cart.id, None) == cart


@pytest.mark.parametrize("location", ["redis://127.0.0.1:1/0"])
def test_carts_work_without_redis(settings, location: str) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "default": {**settings.CACHES["default"], "LOCATION": location},
    }
    cart = filled_cart(2)
    assert snapshot.load(cart.id, None) == cart
    assert services.set_quantity(cart.id, cart.lines[0].sku, 3).lines[0].quantity == 3


# --- What Redis misses while it is down or in cooldown ----------------------------------------------------------------


def begin_cooldown() -> GuardedConnection:
    """As after a failure of Redis that this process has just seen."""
    pool = get_redis_connection("default").connection_pool
    connection = pool.get_connection()
    pool.release(connection)
    connection._begin_cooldown()
    return connection


def end_cooldown(connection: GuardedConnection) -> None:
    guard._cooldown.end(connection._server)


def seen_by_another_process(monkeypatch: pytest.MonkeyPatch, cart: CartSnapshot) -> CartSnapshot:
    """The cart as read by a process that never saw Redis fail."""
    with monkeypatch.context() as patch:
        patch.setattr(guard, "_last_failure", 0.0)
        return snapshot.load(cart.id, None)


def test_a_process_in_cooldown_leaves_no_stale_cart_to_others(monkeypatch) -> None:
    cart = filled_cart(1)
    connection = begin_cooldown()
    newer = services.set_quantity(cart.id, cart.lines[0].sku, 5)
    end_cooldown(connection)
    assert seen_by_another_process(monkeypatch, cart) == newer


def test_a_copy_from_before_a_failure_is_not_trusted(django_assert_num_queries) -> None:
    """The change was made while Redis was really down: no one could drop the stale copy."""
    cart = filled_cart(1)
    end_cooldown(begin_cooldown())
    CartLine.objects.update(quantity=7)
    assert snapshot.load(cart.id, None).lines[0].quantity == 7
    with django_assert_num_queries(0):
        assert snapshot.load(cart.id, None).lines[0].quantity == 7


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\x80\x05.", b"[]", b"null", b'{"id": 5}', b'{"kept_at": "x"}', b'{"id": "a", "lines": [[1]]}']
)
def test_what_is_no_copy_is_a_miss_and_replaced(text: bytes, django_assert_num_queries) -> None:
    """It may be damaged, or from another release."""
    cart = filled_cart(2)
    get_redis_connection("default").set(cache.make_key(f"cart:{cart.id}"), text)
    assert snapshot.load(cart.id, None) == cart
    with django_assert_num_queries(0):
        assert snapshot.load(cart.id, None) == cart


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_copy_of_the_release_before_is_a_miss(signed_in: bool) -> None:
    """It lacks a field that ours have, and must not pass for the absence of a cart."""
    user_id = UserFactory().pk if signed_in else None
    cart = filled_cart(2, user_id=user_id)
    redis, key = get_redis_connection("default"), cache.make_key(cart_cache.key_of(cart.id, user_id))
    copy = json.loads(redis.get(key))
    del copy["tax_id"]
    redis.set(key, json.dumps(copy))
    if user_id:
        assert snapshot.load_live(user_id) == cart
    redis.set(key, json.dumps(copy))
    assert snapshot.load(cart.id, user_id) == cart
