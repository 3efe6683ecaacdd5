"""Reads that may lag use the standby, decisions never do, and an outage of the standby goes unnoticed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse

from cart import services as carts
from checkout import tasks
from checkout.models import Order, OrderStatus
from config.cache import cached, drop_on_commit
from config.db import replica
from inventory import catalogue
from inventory.models import Stock
from tests.support.api import App
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", replica.ALIAS])


@pytest.fixture(scope="module", autouse=True)
def a_standby(django_db_setup: None) -> Iterator[None]:
    """The test database once more, under the standby's alias."""
    connections.databases[replica.ALIAS] = {**connections["default"].settings_dict}
    yield
    connections[replica.ALIAS].close()
    del connections[replica.ALIAS], connections.databases[replica.ALIAS]


@pytest.fixture
def standby_statements() -> Iterator[list[str]]:
    """The statements sent to the standby."""
    statements: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "pg_type" not in sql:  # sent by each new connection
            statements.append(sql)
        return execute(sql, *rest)

    replica._cooldown.end()
    with connections[replica.ALIAS].execute_wrapper(note):
        yield statements


@contextmanager
def standby_down(**facts: Any) -> Iterator[None]:
    """The settings point to an address without a standby."""
    connection = connections[replica.ALIAS]
    there = connection.settings_dict
    connection.close()
    connection.settings_dict = {**there, **facts}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = there


def settled_catalogue() -> None:
    """As if the catalogue had not changed for an hour."""
    cache.delete_pattern("*")
    version = f"{time.time() - 3600:.0f}-old"
    cached("catalogue_page", "version", 600, lambda: version)


def test_lists_come_from_the_standby(standby_statements: list[str]) -> None:
    ProductFactory(stock=5)
    settled_catalogue()
    assert Client().get("/").status_code == 200
    assert len([sql for sql in standby_statements if "inventory_product" in sql]) == len(standby_statements) >= 2


def test_a_list_that_has_just_changed_comes_from_the_primary(standby_statements: list[str]) -> None:
    """The page is cached for an hour: a lagging standby would put the old price into it."""
    product = ProductFactory(price="10.00")
    settled_catalogue()
    catalogue.catalogue_page()
    product.price = "20.00"
    product.save()
    standby_statements.clear()
    assert str(catalogue.catalogue_page().products[0].price) == "20.00"
    assert standby_statements == []


def test_products_come_from_the_primary(standby_statements: list[str]) -> None:
    product = ProductFactory()
    settled_catalogue()
    assert catalogue.product_by_slug(product.slug).id == product.id
    assert standby_statements == []


def test_a_transaction_sees_its_own_writes(standby_statements: list[str]) -> None:
    product = ProductFactory(stock=5)
    with transaction.atomic():
        Stock.objects.update(on_hand=3)
        drop_on_commit("availability", str(product.id))
        cache.delete_pattern("*")
        assert catalogue.availability([product.id]) == {product.id: 3}
    assert standby_statements == []


@pytest.mark.usefixtures("nothing_before_the_test")
def test_decisions_never_read_from_the_standby(standby_statements: list[str], sandbox: Sandbox) -> None:
    app, product = App(), ProductFactory(stock=50)
    bought, waiting = ready_cart([product]), ready_cart([product])
    standby_statements.clear()
    cache.delete_pattern("*")
    assert app.check_out(bought).status_code == 201
    assert app.check_out(bought).headers["Idempotent-Replayed"] == "true"
    assert app.check_out(waiting, AUTHENTICATE).status_code == 202
    order = Order.objects.get(status=OrderStatus.AWAITING_PAYMENT)
    sandbox.answer_challenge(order.current_attempt.provider_reference, authenticate=True)
    for event in sandbox.events():
        sandbox.redeliver(event["id"])
    for task in (tasks.settle_webhook_events, tasks.sweep, tasks.relay_outbox, tasks.reconcile):
        task()
    assert app.get(f"orders/{order.number}/", order_token=order.token).status_code == 200
    assert standby_statements == []


def test_carts_and_staff_never_read_from_it(standby_statements: list[str]) -> None:
    desk, product = Client(), ProductFactory(stock=50)
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    cart = ready_cart([product])
    carts.set_quantity(cart.id, product.sku, 2)
    for page in ("changelist", "add"):
        assert desk.get(reverse(f"admin:inventory_product_{page}")).status_code == 200
    change = reverse("admin:inventory_product_change", args=[product.pk])
    form = desk.get(change).context["adminform"].form
    desk.post(change, {**{name: form[name].value() or "" for name in form.fields}, "name": "Outra"})
    assert standby_statements == []


@pytest.mark.parametrize("facts", [{"PORT": 1}, {"NAME": "nowhere"}])
def test_the_catalogue_works_without_a_standby(standby_statements: list[str], facts: dict[str, Any]) -> None:
    product = ProductFactory(stock=5)
    with standby_down(**facts):
        settled_catalogue()
        assert product.name in Client().get("/").content.decode()
        assert replica._cooldown.is_active()
        settled_catalogue()
        assert Client().get("/", {"search": product.name}).status_code == 200
    assert standby_statements == []
