"""The cached session user: stored without the password hash, and dropped as soon as the account changes."""

import pytest
from django.core.cache import cache
from django.test import Client
from django_redis import get_redis_connection

from config.accounts.backends import RememberingBackend
from config.accounts.models import User
from config.accounts.services import change_password
from tests.support.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person() -> User:
    return UserFactory()


@pytest.fixture
def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    assert client.get("/orders/").status_code == 200
    return client


def test_a_cached_shopper_costs_no_statement(person: User, django_assert_num_queries) -> None:
    RememberingBackend().get_user(person.pk)
    with django_assert_num_queries(0):
        known = RememberingBackend().get_user(person.pk)
    assert known == person
    assert known.get_session_auth_hash() == person.get_session_auth_hash()
    assert known.get_full_name() == person.get_full_name()


def test_no_password_hash_is_cached(person: User, browser: Client) -> None:
    redis = get_redis_connection("default")
    kept = [redis.hvals(cache.make_key(key)) for key in cache.iter_keys("account:*")]
    assert kept
    assert not [entry for entry in kept if person.password.encode() in b"".join(entry)]


def test_a_new_password_ends_the_session_at_once(person: User, browser: Client) -> None:
    change_password(person, "another-long-password-1")
    assert browser.get("/orders/").status_code == 302


@pytest.mark.parametrize("what", ["is_active", "deleted"])
def test_so_does_closing_the_account(person: User, browser: Client, what: str) -> None:
    if what == "deleted":
        person.delete()
    else:
        person.is_active = False
        person.save(update_fields=["is_active"])
    assert browser.get("/orders/").status_code == 302


def test_staff_are_never_cached(django_assert_num_queries) -> None:
    staff = UserFactory(is_staff=True)
    RememberingBackend().get_user(staff.pk)
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    assert not RememberingBackend().get_user(staff.pk).is_staff


def test_a_cached_shopper_can_still_verify_and_change_the_password(person: User) -> None:
    person.set_password("the-old-password-1")
    person.save()
    RememberingBackend().get_user(person.pk)
    known = RememberingBackend().get_user(person.pk)
    assert known.check_password("the-old-password-1")
    before = known.get_session_auth_hash()
    change_password(known, "the-new-password-2")
    assert known.get_session_auth_hash() != before
    assert User.objects.get(pk=person.pk).check_password("the-new-password-2")
