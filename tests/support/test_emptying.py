"""After a test that committed the database is as `migrate` left it, whatever the test wrote."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import TransactionTestCase

from config.audit.models import Entry
from tests.support import emptying
from tests.support.emptying import KEPT, Emptying
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


class Flushes:
    """Django's own `flush`, counted."""

    def __init__(self, flush: Callable[[TransactionTestCase], None]) -> None:
        self.number, self._flush = 0, flush

    def __call__(self, test: TransactionTestCase) -> None:
        self.number += 1
        self._flush(test)


@pytest.fixture
def flushes(flush: Callable[[TransactionTestCase], None]) -> Flushes:
    return Flushes(flush)


@pytest.fixture
def empty(flushes: Flushes) -> Callable[[], None]:
    """Once after a flush, which every later call has to equal."""
    emptied = Emptying(flushes)
    emptied(TransactionTestCase())
    return lambda: emptied(TransactionTestCase())


def contents() -> dict[str, list[str]]:
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t ORDER BY 1")
            found[table] = [row for (row,) in cursor.fetchall()]
    return found


def test_an_order_leaves_nothing_behind(empty: Callable[[], None], flushes: Flushes, sandbox: Sandbox) -> None:
    before = contents()
    assert {name for name, rows in before.items() if rows} == {*KEPT, "django_migrations"}
    order_of(ready_cart(user_id=UserFactory(is_staff=True).pk))
    Entry.objects.create(verb="row.add", object_type="x")
    assert len([name for name, rows in contents().items() if rows != before[name]]) > 10
    empty()
    assert contents() == before
    assert flushes.number == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda: Group.objects.create(name="night shift"),
        lambda: Group.objects.get(name="viewer").permissions.clear(),
        lambda: Permission.objects.filter(codename="view_order").update(name="Can look"),
    ],
    ids=["a role more", "a role without permissions", "a renamed permission"],
)
def test_what_migrations_put_in_comes_back(
    change: Callable[[], object], empty: Callable[[], None], flushes: Flushes
) -> None:
    UserFactory().groups.add(Group.objects.get(name="viewer"))
    roles = set(Group.objects.values_list("name", "permissions__codename", "permissions__name"))
    change()
    empty()
    assert set(Group.objects.values_list("name", "permissions__codename", "permissions__name")) == roles
    assert flushes.number == 2
    empty()
    assert flushes.number == 2


def test_who_refers_to_another_is_emptied_first(empty: Callable[[], None]) -> None:
    """Some foreign keys are checked by the statement that breaks them, not at the end."""
    with connection.cursor() as cursor:
        tables = emptying._tables(cursor)
    assert tables.index("checkout_orderline") < tables.index("checkout_order") < tables.index("accounts_user")
