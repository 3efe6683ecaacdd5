"""What may lag is read from the standby; what decides never is, and nobody notices when the standby is away."""

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
from config.cache import drop_on_commit
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
    """The tests' own database once more, under the standby's name."""
    connections.databases[replica.ALIAS] = {**connections["default"].settings_dict}
    yield
    connections[replica.ALIAS].close()
    del connections[replica.ALIAS], connections.databases[replica.ALIAS]


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """The statements that the standby gets."""
    statements: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "pg_type" not in sql:  # what a new connection asks for itself
            statements.append(sql)
        return execute(sql, *rest)

    replica._cooldown.end()
    with connections[replica.ALIAS].execute_wrapper(note):
        yield statements


@contextmanager
def away(**facts: Any) -> Iterator[None]:
    """The standby is not where the settings say."""
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
    """As if nothing in the shop had changed for an hour."""
    cache.clear()
    version = f"{time.time() - 3600:.0f}-old"
    cache.set("catalogue_page:version", (time.time() + 600, version), 600)


def test_lists_come_from_the_standby(asked: list[str]) -> None:
    ProductFactory(stock=5)
    settled_catalogue()
    assert Client().get("/").status_code == 200
    assert len([sql for sql in asked if "inventory_product" in sql]) == len(asked) >= 2


def test_a_list_that_has_just_changed_comes_from_the_primary(asked: list[str]) -> None:
    """It is kept for an hour: a standby that does not know the change yet would keep the old price in it."""
    product = ProductFactory(price="10.00")
    settled_catalogue()
    catalogue.catalogue_page()
    product.price = "20.00"
    product.save()
    asked.clear()
    assert str(catalogue.catalogue_page().products[0].price) == "20.00"
    assert asked == []


def test_products_come_from_the_primary(asked: list[str]) -> None:
    product = ProductFactory()
    settled_catalogue()
    assert catalogue.product_by_slug(product.slug).id == product.id
    assert asked == []


def test_a_transaction_sees_its_own_writes(asked: list[str]) -> None:
    product = ProductFactory(stock=5)
    with transaction.atomic():
        Stock.objects.update(on_hand=3)
        drop_on_commit("availability", str(product.id))
        cache.clear()
        assert catalogue.availability([product.id]) == {product.id: 3}
    assert asked == []


def test_what_decides_never_asks_the_standby(asked: list[str], sandbox: Sandbox) -> None:
    app, product = App(), ProductFactory(stock=50)
    bought, waiting = ready_cart([product]), ready_cart([product])
    asked.clear()
    cache.clear()
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
    assert asked == []


def test_carts_and_staff_ask_nothing_there(asked: list[str]) -> None:
    desk, product = Client(), ProductFactory(stock=50)
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    cart = ready_cart([product])
    carts.set_quantity(cart.id, product.sku, 2)
    for page in ("changelist", "add"):
        assert desk.get(reverse(f"admin:inventory_product_{page}")).status_code == 200
    change = reverse("admin:inventory_product_change", args=[product.pk])
    form = desk.get(change).context["adminform"].form
    desk.post(change, {**{name: form[name].value() or "" for name in form.fields}, "name": "Outra"})
    assert asked == []


@pytest.mark.parametrize("facts", [{"PORT": 1}, {"NAME": "nowhere"}])
def test_the_shop_window_stays_open_without_a_standby(asked: list[str], facts: dict[str, Any]) -> None:
    product = ProductFactory(stock=5)
    with away(**facts):
        settled_catalogue()
        assert product.name in Client().get("/").content.decode()
        assert replica._cooldown.is_active()
        settled_catalogue()
        assert Client().get("/", {"search": product.name}).status_code == 200
    assert asked == []
