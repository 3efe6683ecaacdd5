"""The cart's copy in Redis: read instead of Postgres, written only forward, and never missed when it is gone."""

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


def test_a_warm_cart_of_a_user_too_and_that_there_is_none(django_assert_num_queries) -> None:
    owner, nobody = UserFactory(), UserFactory()
    cart = filled_cart(3, user_id=owner.pk)
    assert snapshot.load_live(nobody.pk) is None
    with django_assert_num_queries(0):
        assert snapshot.load_live(owner.pk) == cart
        assert snapshot.load(cart.id, owner.pk) == cart
        assert snapshot.load_live(nobody.pk) is None


def test_the_first_cart_of_a_user_replaces_the_mark_that_there_was_none() -> None:
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


def test_a_slower_writer_does_not_bring_an_older_cart_back() -> None:
    cart = filled_cart(1)
    slow = Cart.objects.fetch(cart.id, None)
    newer = services.set_quantity(cart.id, cart.lines[0].sku, 5)
    snapshot.of_cart(slow)
    assert snapshot.load(cart.id, None) == newer


def test_a_forgotten_cart_is_not_brought_back_by_a_slow_reader() -> None:
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
def test_without_redis_carts_go_on(settings, location: str) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "default": {**settings.CACHES["default"], "LOCATION": location},
    }
    cart = filled_cart(2)
    assert snapshot.load(cart.id, None) == cart
    assert services.set_quantity(cart.id, cart.lines[0].sku, 3).lines[0].quantity == 3


# --- What Redis misses while it is away, or left alone ----------------------------------------------------------------


def leave_redis_alone() -> GuardedConnection:
    """As after a failure that this process has seen just now."""
    pool = get_redis_connection("default").connection_pool
    connection = pool.get_connection()
    pool.release(connection)
    connection._begin_cooldown()
    return connection


def come_back(connection: GuardedConnection) -> None:
    guard._cooldown.end(connection._server)


def seen_by_another_process(monkeypatch: pytest.MonkeyPatch, cart: CartSnapshot) -> CartSnapshot:
    """The cart as shown by a process that never saw Redis fail."""
    with monkeypatch.context() as patch:
        patch.setattr(guard, "_last_failure", 0.0)
        return snapshot.load(cart.id, None)


def test_a_process_that_leaves_redis_alone_leaves_no_older_cart_to_the_others(monkeypatch) -> None:
    cart = filled_cart(1)
    connection = leave_redis_alone()
    newer = services.set_quantity(cart.id, cart.lines[0].sku, 5)
    come_back(connection)
    assert seen_by_another_process(monkeypatch, cart) == newer


def test_a_copy_from_before_a_failure_is_not_believed(django_assert_num_queries) -> None:
    """The change was made while Redis was really away: nobody could take the older copy back."""
    cart = filled_cart(1)
    come_back(leave_redis_alone())
    CartLine.objects.update(quantity=7)
    assert snapshot.load(cart.id, None).lines[0].quantity == 7
    with django_assert_num_queries(0):
        assert snapshot.load(cart.id, None).lines[0].quantity == 7
