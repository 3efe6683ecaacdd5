"""What one order costs the database, at any size: statements, median milliseconds, pages of 8 kB.

    .venv/bin/python manage.py seed_scale --products 1000000 --carts 1000000 --order-lines 5000000
    .venv/bin/python -m tests.load.order_cost

Orders of three products are placed and paid as `place_order` does it, but without the provider call. They stay in the
database: use a separate one.
"""

import os
import random
import statistics
import sys
import time

import django

os.environ.update(DJANGO_SETTINGS_MODULE="config.settings", DATABASE_POOL_SIZE="0", MELHOR_ENVIO_API_BASE="")
django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from checkout import place_order as placing  # noqa: E402
from checkout.models import Order  # noqa: E402
from checkout.place_order import PlaceOrder  # noqa: E402
from checkout.settle import settle  # noqa: E402
from inventory.models import Product  # noqa: E402
from payments.gateways.base import Outcome  # noqa: E402
from tests.support.factories.cart import ready_cart  # noqa: E402

ORDERS = int(os.environ.get("ORDERS", "60"))
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def pages_touched() -> int:
    """Pages of tables and indexes that this database has accessed, in memory or on disk."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))"
            " FROM pg_statio_user_tables"
        )
        return int(cursor.fetchone()[0])


def place(command: PlaceOrder) -> None:
    order, attempt = placing._commit_order(command)
    settle(attempt.pk, Outcome(kind="approved", provider_reference=f"pi_{attempt.pk.hex}", captured=order.total))


def main() -> None:
    there = Product.objects.filter(sku__startswith="ESC-", active=True).count()
    wanted = [random.sample(range(1, there), 3) for _ in range(ORDERS)]
    commands = []
    for numbers in wanted:
        skus = [f"ESC-{number - (number % 50 == 0)}" for number in numbers]  # every fiftieth is not for sale
        cart = ready_cart(list(Product.objects.filter(sku__in=skus)))
        commands.append(
            PlaceOrder(cart_token=cart.id, payment_method="pm_card_visa", expected_total=cart.total, language="pt-br")
        )
    with CaptureQueriesContext(connection) as captured:
        place(commands.pop())
    statements = [query for query in captured if not query["sql"].startswith(CONTROL)]
    for command in commands[:10]:
        place(command)
    before, seconds = pages_touched(), []
    for command in commands[10:]:
        began = time.perf_counter()
        place(command)
        seconds.append(time.perf_counter() - began)
    pages = (pages_touched() - before) / len(seconds)
    milliseconds = statistics.median(seconds) * 1000
    sys.stdout.write(
        f"{there} products, {Order.objects.count()} orders: {len(statements)} statements, {milliseconds:.1f} ms, "
        f"{pages:.0f} pages\n"
    )


if __name__ == "__main__":
    main()
