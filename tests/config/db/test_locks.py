"""The two rules of locking, enforced at run time, and the Redis lock that only saves work."""

import pytest
from django.core.cache import cache
from django.db import transaction

from config.db.locks import (
    LockOutsideTransaction,
    NetworkCallInTransaction,
    redis_lock,
    refuse_in_transaction,
    require_transaction,
)


@pytest.mark.django_db(transaction=True)
class TestRules:
    def test_a_row_lock_needs_a_transaction(self) -> None:
        with pytest.raises(LockOutsideTransaction):
            require_transaction()
        with transaction.atomic():
            require_transaction()

    def test_the_network_is_not_called_inside_one(self) -> None:
        refuse_in_transaction("The provider")
        with transaction.atomic(), pytest.raises(NetworkCallInTransaction, match="The provider"):
            refuse_in_transaction("The provider")


@pytest.mark.django_db
def test_the_tests_own_transaction_does_not_count() -> None:
    refuse_in_transaction("The provider")


class TestRedisLock:
    def test_one_at_a_time(self) -> None:
        with redis_lock("belt", 5) as first, redis_lock("belt", 5) as second:
            assert (first, second) == (True, False)
        with redis_lock("belt", 5) as again:
            assert again

    def test_it_is_released_by_its_owner_only(self) -> None:
        with redis_lock("belt", 5) as first:
            assert first
            cache.delete("belt")  # the lease ran out
            with redis_lock("belt", 5) as second:
                assert second
                # The first owner exits now; the second owner's lock must survive.
                first_leaves = redis_lock("belt", 5)
                with first_leaves as third:
                    assert not third
        with redis_lock("belt", 5) as free:
            assert free

    def test_an_expired_lease_belongs_to_its_new_owner(self) -> None:
        outer = redis_lock("belt", 5)
        assert outer.__enter__()
        cache.delete("belt")
        with redis_lock("belt", 5) as mine:
            assert mine
            outer.__exit__(None, None, None)
            with redis_lock("belt", 5) as other:
                assert not other

    def test_without_redis_work_goes_on(self, settings) -> None:
        settings.CACHES = {
            **settings.CACHES,
            "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"},
        }
        with redis_lock("belt", 5) as owned:
            assert owned
