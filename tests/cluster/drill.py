"""The drill: servers are killed under load; no order may be lost, and everything has to balance."""

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import OperationalError, connection

from checkout.models import Order
from config.accounts.models import User
from config.devstack.bootstrap import ADMIN
from tests.cluster import table
from tests.cluster.apps import Crowd, buying
from tests.cluster.postgreses import Node
from tests.cluster.stack import Stack
from tests.cluster.table import Row
from tests.support.balance import PAID, Balance, shelves
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

ORDERS = 30
# The promised time, doubled for a busy machine.
SECONDS_TO_REST = 240
# How many failed checks, a second apart, before a server counts as dead.
SILENT_TIMES = 3


@dataclass
class Shop:
    """The cluster with everything outside of it, and the order numbers that apps have received."""

    cluster: Stack
    sandbox: Sandbox
    mails: MailSink
    sku: str
    at_start: dict[int, int]
    confirmed: set[str]


def run(cluster: Stack, folder: Path) -> int:
    """Run every fault in turn; print the table, and write it to the page that CLUSTER_PAGE names."""
    with _open(cluster, folder) as shop:
        rows = [_strike(shop, name, strike) for name, strike in FAULTS.items()]
    for line in table.aligned(rows):
        print(line, flush=True)
    bad = [problem for row in rows for problem in row.problems]
    for problem in bad:
        print(f"NOT KEPT: {problem}", flush=True)
    page = os.environ.get("CLUSTER_PAGE")
    if page and not bad:
        table.write(Path(page), rows)
    return 1 if bad else 0


def stay_open(cluster: Stack, folder: Path) -> int:
    """Keep running until Ctrl-C."""
    with _open(cluster, folder) as shop:
        password = secrets.token_urlsafe(9)
        User.objects.create_superuser(ADMIN, password)
        connection.close()
        webs = "".join(f"  {name}: http://127.0.0.1:{port}/health/ready\n" for name, port in cluster.web_ports.items())
        print(
            f"\nThe shop is open: {cluster.url}/  (a product: {shop.sku}; logs and files in {folder})\n"
            f"  Admin: {cluster.url}/admin/  user {ADMIN}  password {password}\n"
            f"{webs}  Ctrl-C stops everything.\n",
            flush=True,
        )
        signal.pause()
    return 0


@contextlib.contextmanager
def _open(cluster: Stack, folder: Path) -> Iterator[Shop]:
    sandbox, mails = Sandbox(folder / "sandbox"), MailSink()
    mails.start()
    try:
        sandbox.deliver_to(f"{cluster.url}/webhooks/stripe/")
        cluster.variables |= {
            "EMAIL_URL": mails.url,
            "STRIPE_API_BASE": sandbox.base_url,
            "STRIPE_JS_URL": f"{sandbox.base_url}/v3/",
            "STRIPE_SECRET_KEY": sandbox.secret_key,
            "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key,
            "STRIPE_WEBHOOK_SECRET": sandbox.webhook_secret,
        }
        flat_shipping()
        product = ProductFactory(stock=1_000_000)
        cluster.start_shop()
        shop = Shop(cluster, sandbox, mails, product.sku, shelves(), set())
        connection.close()
        with buying(cluster.url, product.sku, 2) as crowd:
            began = time.monotonic()
            eventually(lambda: crowd.done_since(began) > 5, 90)
        shop.confirmed |= {purchase.number for purchase in crowd.purchases if purchase.number}
        yield shop
    finally:
        sandbox.stop()
        mails.stop()


# --- The faults -------------------------------------------------------------------------------------------------------


def _nothing(_shop: Shop) -> None:
    """The baseline."""


def _kill_web(shop: Shop) -> None:
    shop.cluster.kill("web-1")


def _kill_worker(shop: Shop) -> None:
    shop.cluster.kill("worker-1")


def _kill_valkey(shop: Shop) -> None:
    shop.cluster.valkeys.kill_master()
    eventually(shop.cluster.valkeys.has_master, 60)


def _kill_primary(shop: Shop) -> None:
    """Checks confirm that it is dead; then the operator's step promotes the standby."""
    shop.cluster.postgreses.kill_primary()
    _wait_until_dead(shop.cluster.postgreses.primary)
    shop.cluster.pgbouncer.promote_standby()


def _kill_standby(shop: Shop) -> None:
    """Commits wait for it until an operator decides to continue without."""
    shop.cluster.postgreses.kill_standby()
    _wait_until_dead(shop.cluster.postgreses.standby)
    shop.cluster.postgreses.go_on_alone()


def _wait_until_dead(server: Node) -> None:
    silent = 0
    while silent < SILENT_TIMES:
        time.sleep(1)
        try:
            server.ask("SELECT 1")
        except psycopg.OperationalError:
            silent += 1


def _nothing_to_restore(_shop: Shop) -> None:
    pass


def _restart_web(shop: Shop) -> None:
    shop.cluster.start("web-1")


def _restart_worker(shop: Shop) -> None:
    shop.cluster.start("worker-1")


def _restart_valkey(shop: Shop) -> None:
    shop.cluster.valkeys.start_again()


def _rejoin_standby(shop: Shop) -> None:
    shop.cluster.postgreses.add_standby()
    shop.cluster.pgbouncer.look_again()


Step = Callable[[Shop], None]
FAULTS: dict[str, tuple[Step, Step]] = {
    "nothing": (_nothing, _nothing_to_restore),
    "a web server": (_kill_web, _restart_web),
    "a worker": (_kill_worker, _restart_worker),
    "Valkey's master": (_kill_valkey, _restart_valkey),
    "PostgreSQL's standby": (_kill_standby, _rejoin_standby),
    "PostgreSQL's primary": (_kill_primary, _rejoin_standby),
}


def _strike(shop: Shop, name: str, steps: tuple[Step, Step]) -> Row:
    kill, restore = steps
    print(f"Killing {name}…", flush=True)
    with buying(shop.cluster.url, shop.sku) as crowd:
        _wait_for(crowd, ORDERS)
        struck = time.monotonic()
        kill(shop)
        _wait_for(crowd, ORDERS)
        # It comes back under load, which must not be noticeable either.
        restored = time.monotonic()
        restore(shop)
        _wait_for(crowd, ORDERS)
    calm = time.monotonic()
    shop.confirmed |= {purchase.number for purchase in crowd.purchases if purchase.number}
    books = _books_at_rest(shop)
    row = Row.of(name, crowd.purchases, struck, restored, time.monotonic() - calm)
    return row.with_problems([*books.problems, *_lost(shop)])


def _wait_for(crowd: Crowd, more: int) -> None:
    now = time.monotonic()
    eventually(lambda: crowd.done_since(now) >= more, 120)


def _books_at_rest(shop: Shop) -> Balance:
    """The balance once nothing is pending any more, or as it is after a time limit."""
    deadline = time.monotonic() + SECONDS_TO_REST
    while True:
        with contextlib.suppress(OperationalError):
            shop.mails.drop_copies()
            books = Balance.taken(shop.sandbox.ledger(), shop.at_start, shop.mails.by_order())
            if not books.problems or time.monotonic() > deadline:
                return books
        connection.close()
        time.sleep(1)


def _lost(shop: Shop) -> list[str]:
    """Orders confirmed to an app that are not paid in the database."""
    kept = set(Order.objects.filter(number__in=shop.confirmed, status__in=PAID).values_list("number", flat=True))
    connection.close()
    return [f"order {number} was confirmed and is lost" for number in sorted(shop.confirmed - kept)]
