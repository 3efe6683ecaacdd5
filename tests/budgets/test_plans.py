"""No statement of the traffic or of the sweeper reads a large table in full.

The shop is filled by `checkout.seed_scale`; then pages, calls and tasks run for real while every statement is explained
before it runs. The planner is free to choose, with the costs of a disk that seeks as fast as it reads.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache as cache_results
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from cart import services as carts
from checkout import outbox, seed_scale, settle_webhooks, sweeper
from checkout.models import Order
from config.retention import rounds
from config.telemetry import metrics
from inventory import reservations
from inventory.models import Product
from payments.models import PaymentAttempt, Refund
from tests.budgets.test_pages import holding
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of

# PLANS=full: at the documented size. Filling it takes half an hour and 6 GB.
FULL = os.environ.get("PLANS") == "full"
PRODUCTS, CARTS, ORDER_LINES = (1_000_000, 1_000_000, 5_000_000) if FULL else (20_000, 50_000, 100_000)
LARGE = {
    "inventory_product", "inventory_stock", "cart_cart", "cart_cartline", "shipping_quote", "payments_payment",
    "payments_paymentattempt", "checkout_order", "checkout_orderline", "checkout_outboxmessage",
}  # fmt: skip
# A count has to read all matches: the catalogue's is cached for an hour, the admin's are for staff.
COUNTS = ('SELECT COUNT(*) AS "__count"', "SELECT COUNT(*) FROM (")

pytestmark = pytest.mark.django_db

Plan = dict[str, Any]


@pytest.fixture(scope="module")
def large_shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Filled once and committed; emptied afterwards (and before, where an earlier run was killed).

    At full size it stays for the next run, which needs `--reuse-db` and a server of its own (DATABASE_URL).
    """
    with django_db_blocker.unblock():
        if not (FULL and Product.objects.filter(sku=f"ESC-{PRODUCTS}").exists()):
            _empty()
            seed_scale.seed(products=PRODUCTS, carts=CARTS, order_lines=ORDER_LINES)
    yield
    if not FULL:
        with django_db_blocker.unblock():
            _empty()


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE inventory_category, inventory_warehouse, shipping_quote, cart_cart, payments_payment CASCADE"
        )


@pytest.fixture
def shop(large_shop: None, db: None) -> None:
    """The large shop; what a test changes is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")


class Watch:
    """Explains every statement that runs, and records those that read a large table in full."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.explained = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")) and not sql.startswith(COUNTS):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                (answer,) = cursor.fetchone()
            plan = (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"]
            self.explained += 1
            self.found += [f"{bad}: {' '.join(sql.split())[:300]}" for bad in full_scans(plan)]
        return execute(sql, params, many, context)


class RowsRead:
    """Counts the rows of a table that the selects read, those that a filter or a limit then drops included."""

    def __init__(self, table: str) -> None:
        self.rows, self.statements = 0, 0
        self._table = table

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("SELECT"):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                (answer,) = cursor.fetchone()
            self.statements += 1
            self.rows += self._read((answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"])
        return execute(sql, params, many, context)

    def _read(self, plan: Plan) -> int:
        below = sum(self._read(child) for child in plan.get("Plans", []))
        if plan.get("Relation Name") != self._table:
            return below
        read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        return below + int(read * plan["Actual Loops"])


def full_scans(plan: Plan, *, stops_early: bool = False) -> Iterator[str]:
    """Plan nodes that read all of a large table.

    An ordered index scan is fine if a limit ends it and it filters out next to nothing, and so is a full scan of a
    partial index, which holds only pending rows.
    """
    kind, table = plan["Node Type"], plan.get("Relation Name", "")
    if table in LARGE and kind == "Seq Scan":
        yield f"Seq Scan on {table}"
    if table in LARGE and kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in plan:
        walks_in_order = stops_early and ("Filter" not in plan or plan["Plan Rows"] > 0.9 * rows_of(table))
        if not walks_in_order and plan["Index Name"] not in partial_indexes():
            yield f"{kind} over all of {plan['Index Name']} on {table}"
    if kind == "Bitmap Index Scan" and "Index Cond" not in plan and plan["Index Name"] not in partial_indexes():
        yield f"Bitmap Index Scan over all of {plan['Index Name']}"
    below = kind == "Limit" or (stops_early and kind not in ("Sort", "Aggregate", "HashAggregate", "Hash"))
    for child in plan.get("Plans", []):
        yield from full_scans(child, stops_early=below)


@cache_results
def rows_of(table: str) -> float:
    with connection.connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        return float(cursor.fetchone()[0])


@cache_results
def partial_indexes() -> set[str]:
    return {
        index.name for model in apps.get_models() for index in [
            *model._meta.indexes, *model._meta.constraints
        ] if getattr(index, "condition", None) is not None
    }  # fmt: skip


@pytest.fixture
def watch() -> Iterator[Watch]:
    seen = Watch()
    with connection.execute_wrapper(seen):
        yield seen


def number_of(order: int) -> str:
    return f"E{order:09d}"


PAGES = {
    "catalogue": "/",
    "a late page of the catalogue": "/?page=200",
    "a category": "/?category=escala-3",
    "a search": "/?search=12034",
    "a search for two words": "/?search=esc+12034",
    "a product": "/products/escala-777/",
}


@pytest.mark.parametrize("name", PAGES)
def test_the_shop_window(shop: None, watch: Watch, name: str) -> None:
    cache.delete_pattern("*")
    response = Client().get(PAGES[name])
    assert response.status_code == 200
    assert "ESC-" in response.content.decode() or "escala" in response.content.decode()
    assert watch.explained
    assert watch.found == []


def test_a_cart_from_its_first_line_to_the_paid_order(shop: None, watch: Watch, sandbox: object) -> None:
    flat_shipping()
    goods = list(Product.objects.filter(sku__in=["ESC-12", "ESC-13", "ESC-14"]))
    cart = ready_cart(goods)
    carts.set_quantity(cart.id, "ESC-12", 3)
    cart = carts.remove_line(cart.id, "ESC-13")
    cart = carts.choose_shipping(cart.id, "flat")
    cache.delete_pattern("*")
    client = holding(cart)
    for path in ("/cart/", "/checkout/"):
        assert client.get(path).status_code == 200
    order = order_of(cart)
    assert order.status == "paid"
    assert client.get(f"/orders/{order.number}/?token={order.token}").status_code == 200
    assert client.get("/checkout/resume/").status_code in (302, 404)
    assert watch.explained > 20
    assert watch.found == []


def test_an_order_that_is_never_paid(shop: None, watch: Watch, sandbox: object) -> None:
    cart = ready_cart([ProductFactory(stock=3)])
    order_of(cart, "pix")
    assert sweeper.settle_stale_attempts() == 0
    PaymentAttempt.objects.waiting().update(due_at=timezone.now())
    assert sweeper.settle_stale_attempts() == 0, "it still waits for the shopper"
    assert PaymentAttempt.objects.waiting().get().asked_at is not None
    assert watch.found == []


@pytest.mark.parametrize("due", [True, False])
def test_a_refund_to_ask_about_is_found_among_thousands(shop: None, due: bool) -> None:
    """The provider took them and finished none; all were asked about a day ago, or a moment ago."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_refund (id, payment_id, attempt_id, amount, status, provider_reference, reason,
                idempotency_key, error, by_hand, created_at, asked_at)
            SELECT gen_random_uuid(), payment_id, id, 1, CASE WHEN row_number() OVER () %% 5 = 0 THEN 'unknown'
                ELSE 'pending' END, '', '', 'k', '', false, %s, %s
            FROM payments_paymentattempt LIMIT 5000
            """,
            [now - timedelta(days=1), now - timedelta(days=1 if due else 0)],
        )
        cursor.execute("ANALYZE payments_refund")
    read = RowsRead("payments_refund")
    with connection.execute_wrapper(read):
        found = Refund.objects.claim_one(now - timedelta(minutes=1))
    assert (found is not None) is due
    assert read.statements
    assert read.rows <= 2


def test_the_orders_of_a_member(shop: None, watch: Watch) -> None:
    user = UserFactory()
    Order.objects.filter(number__in=[number_of(3), number_of(4)]).update(user=user)
    client = Client()
    client.force_login(user)
    assert number_of(3) in client.get("/orders/").content.decode()
    found = client.post("/orders/find/", {"number": number_of(9), "email": "PESSOA9@escala.example"})
    assert found.status_code == 302
    assert watch.found == []


@pytest.mark.parametrize(
    "task",
    [
        sweeper.settle_stale_attempts, sweeper.settle_stale_refunds,
        reservations.reclaim_expired, rounds.run_round, settle_webhooks.settle_waiting_events, outbox.relay,
    ],
    ids=lambda task: task.__name__,
)  # fmt: skip
def test_periodic_tasks(shop: None, watch: Watch, task: Callable[[], object]) -> None:
    task()
    assert watch.found == []


@pytest.fixture
def staff_client() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(
    "sought",
    [number_of(77), "pessoa77@", "PESSOA 77", "50000-000", "esc-77", "pi_escala_77"],
)
def test_staff_look_for_an_order(shop: None, staff_client: Client, watch: Watch, sought: str) -> None:
    response = staff_client.get("/admin/checkout/order/", {"q": sought})
    assert response.status_code == 200
    assert watch.explained > 2
    assert watch.found == []


def test_the_admins_home_page(shop: None, staff_client: Client, watch: Watch) -> None:
    """Some days after the last order, so that two weeks cover part of them. Gauges are read beforehand."""
    metrics.forget_scraped()  # drop what another test of this process has read
    with time_machine.travel(timezone.now() + timedelta(days=10)):
        metrics.scraped()
        watch.found.clear()
        assert staff_client.get("/admin/").context["days"][0].count > 1_000
    assert watch.explained > 10
    assert watch.found == []


@pytest.mark.parametrize("query", ["abandoned=day", "abandoned=hour&step=goods", "abandoned=hour&step=delivery"])
def test_staff_look_at_abandoned_carts(shop: None, staff_client: Client, watch: Watch, query: str) -> None:
    assert staff_client.get(f"/admin/cart/cart/?{query}").status_code == 200
    assert watch.explained > 2
    assert watch.found == []


def test_staff_look_at_abandoned_payments(shop: None, staff_client: Client, watch: Watch) -> None:
    """One order in ten failed, and half of those shoppers have bought since."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checkout_order SET status = 'cancelled', paid_at = NULL WHERE mod(id, 10) = 0")
        cursor.execute(
            "UPDATE cart_cart SET status = 'open' FROM checkout_order AS placed"
            " WHERE placed.cart_id = cart_cart.id AND mod(placed.id, 20) = 0"
        )
        cursor.execute("ANALYZE cart_cart, checkout_order")
    watch.found.clear()
    answer = staff_client.get("/admin/checkout/order/?given_up=day")
    assert answer.context["cl"].result_count > 20
    assert watch.found == []


def test_the_money_page(shop: None, staff_client: Client, watch: Watch) -> None:
    assert staff_client.get("/admin/money/").status_code == 200
    assert watch.explained > 6
    assert watch.found == []


def test_staff_look_at_waiting_mail(shop: None, staff_client: Client, watch: Watch) -> None:
    assert staff_client.get("/admin/checkout/outboxmessage/").status_code == 200
    assert watch.found == []


def test_the_watch_catches_a_full_scan(shop: None, watch: Watch) -> None:
    list(Order.objects.filter(city="Recife").order_by()[:1])
    list(Order.objects.filter(street="nowhere").order_by("-placed_at")[:5])
    assert len(watch.found) == 2
