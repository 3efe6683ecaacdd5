"""The drill: something dies while apps buy; then nothing may be lost, and all books balance."""

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
# What is promised, and as long again for a busy machine.
SECONDS_TO_REST = 240
# How often the watch asks a silent primary, a second apart, before it calls it dead.
SILENT_TIMES = 3


@dataclass
class Shop:
    """The cluster with everything outside of it, and what was told to apps so far."""

    cluster: Stack
    sandbox: Sandbox
    mails: MailSink
    sku: str
    at_start: dict[int, int]
    told: set[str]


def run(cluster: Stack, folder: Path) -> int:
    """Every fault in turn; the table is printed, and written into the page that CLUSTER_PAGE names."""
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
    """Until Ctrl-C."""
    with _open(cluster, folder) as shop:
        password = secrets.token_urlsafe(9)
        User.objects.create_superuser(ADMIN, password)
        connection.close()
        webs = "".join(f"  {name}: http://127.0.0.1:{port}/health/ready\n" for name, port in cluster.web_ports.items())
        print(
            f"\nThe shop is open: {cluster.haproxy.url}/  (a product: {shop.sku}; logs and files in {folder})\n"
            f"  Admin: {cluster.haproxy.url}/admin/  user {ADMIN}  password {password}\n"
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
        sandbox.deliver_to(f"{cluster.haproxy.url}/webhooks/stripe/")
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
        with buying(cluster.haproxy.url, product.sku, 2) as crowd:
            began = time.monotonic()
            eventually(lambda: crowd.done_since(began) > 5, 90)
        shop.told |= {purchase.number for purchase in crowd.purchases if purchase.number}
        yield shop
    finally:
        sandbox.stop()
        mails.stop()


# --- What dies --------------------------------------------------------------------------------------------------------


def _nothing(_shop: Shop) -> None:
    """For comparison."""


def _kill_web(shop: Shop) -> None:
    shop.cluster.kill("web-1")


def _kill_worker(shop: Shop) -> None:
    shop.cluster.kill("worker-1")


def _kill_valkey(shop: Shop) -> None:
    shop.cluster.valkeys.kill_master()
    eventually(shop.cluster.valkeys.has_master, 60)


def _kill_primary(shop: Shop) -> None:
    """The watch notices, then does the operator's step."""
    shop.cluster.postgreses.kill_primary()
    _be_sure_of_silence(shop.cluster.postgreses.primary)
    shop.cluster.pgbouncer.promote_standby()


def _kill_standby(shop: Shop) -> None:
    """Likewise: commits wait for it until somebody decides to go on without."""
    shop.cluster.postgreses.kill_standby()
    _be_sure_of_silence(shop.cluster.postgreses.standby)
    shop.cluster.postgreses.go_on_alone()


def _be_sure_of_silence(server: Node) -> None:
    silent = 0
    while silent < SILENT_TIMES:
        time.sleep(1)
        try:
            server.ask("SELECT 1")
        except psycopg.OperationalError:
            silent += 1


def _nothing_to_mend(_shop: Shop) -> None:
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
    "nothing": (_nothing, _nothing_to_mend),
    "a web server": (_kill_web, _restart_web),
    "a worker": (_kill_worker, _restart_worker),
    "Valkey's master": (_kill_valkey, _restart_valkey),
    "PostgreSQL's standby": (_kill_standby, _rejoin_standby),
    "PostgreSQL's primary": (_kill_primary, _rejoin_standby),
}


def _strike(shop: Shop, name: str, steps: tuple[Step, Step]) -> Row:
    kill, mend = steps
    print(f"Killing {name}…", flush=True)
    with buying(shop.cluster.haproxy.url, shop.sku) as crowd:
        _wait_for(crowd, ORDERS)
        struck = time.monotonic()
        kill(shop)
        _wait_for(crowd, ORDERS)
        # What was killed comes back while people buy: that must not be felt either.
        mended = time.monotonic()
        mend(shop)
        _wait_for(crowd, ORDERS)
    calm = time.monotonic()
    shop.told |= {purchase.number for purchase in crowd.purchases if purchase.number}
    books = _books_at_rest(shop)
    row = Row.of(name, crowd.purchases, struck, mended, time.monotonic() - calm)
    return row.with_problems([*books.problems, *_lost(shop)])


def _wait_for(crowd: Crowd, more: int) -> None:
    now = time.monotonic()
    eventually(lambda: crowd.done_since(now) >= more, 120)


def _books_at_rest(shop: Shop) -> Balance:
    """The balance, once nothing is on its way any more; or as it is when that takes too long."""
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
    """Orders that an app was told of and that the database does not know as paid."""
    kept = set(Order.objects.filter(number__in=shop.told, status__in=PAID).values_list("number", flat=True))
    connection.close()
    return [f"order {number} was confirmed and is lost" for number in sorted(shop.told - kept)]
