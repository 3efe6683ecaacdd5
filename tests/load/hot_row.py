"""One product in every order: place_order's transaction against a minimal order in plain SQL, on one stock row.

    make servers                            # in a terminal of its own: with all the safety of a disk
    .venv/bin/python manage.py migrate
    .venv/bin/python -m tests.load.hot_row  # CLIENTS=8 SECONDS=5 ROUNDS=3 by default

Both sides get the same number of clients, one process and one connection each; pgbench runs `hot_row.sql`. Ours count
once all of them have placed some orders, as a web process runs for days. Then half of the clients keep buying the hot
product while the others buy other products, to see whether those wait as well.
The rows stay in the database: use a separate one.
"""

import gc
import multiprocessing
import os
import re
import subprocess
import sys
import time
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import django

# Each process has one connection, no carrier is called, and nobody looks at each statement's time.
os.environ.update(
    DJANGO_SETTINGS_MODULE="config.settings", DATABASE_POOL_SIZE="0", MELHOR_ENVIO_API_BASE="", SERVER_TIMING="0"
)
django.setup()

from django.db import connection  # noqa: E402

from cart.models import Cart  # noqa: E402
from checkout import place_order as placing  # noqa: E402
from checkout.place_order import PlaceOrder  # noqa: E402
from config.devstack.postgres import binary  # noqa: E402
from inventory.models import Product, Stock  # noqa: E402
from tests.support.factories.cart import ready_cart  # noqa: E402
from tests.support.factories.inventory import ProductFactory  # noqa: E402

CLIENTS = int(os.environ.get("CLIENTS", "8"))
SECONDS = float(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
# A process puts a statement into words at its first order; the server plans it five times before it keeps a plan.
WARM_UP = 20
CARTS = int(600 * SECONDS) + CLIENTS * WARM_UP
SCRIPT = Path(__file__).with_suffix(".sql")


def carts_with(product: Product, prefix: str, number: int) -> Decimal:
    """Make `number` carts ready for checkout, all copies of one; returns the total of each."""
    first = ready_cart([product])
    columns = ", ".join(f'"{field.column}"' for field in Cart._meta.local_fields if field.name not in ("id", "token"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH made AS (
                INSERT INTO cart_cart (token, {columns})
                SELECT rpad(%s || '-' || n, 43, '_'), {columns} FROM cart_cart, generate_series(1, %s) AS n
                WHERE token = %s RETURNING id
            )
            INSERT INTO cart_cartline (cart_id, product_id, quantity, position) SELECT id, %s, 1, 0 FROM made
            """,
            [prefix, number, first.id, product.pk],
        )
    return first.total


Job = tuple[str, int, int]


def buy(job: Job, total: Decimal, warm: Barrier, orders: "multiprocessing.Queue[tuple[Job, int]]") -> None:
    """Place orders until the time is up, which runs once all are warm. A job selects the carts: prefix, first number,
    step."""
    prefix, first, step = job
    gc.freeze()
    connection.connect()

    def place(number: int) -> None:
        token = f"{prefix}-{first + number * step}".ljust(43, "_")
        placing._commit_order(
            PlaceOrder(cart_token=token, payment_method="pm_card_visa", expected_total=total, language="pt-br")
        )

    for number in range(WARM_UP):
        place(number)
    warm.wait(60)
    until, done = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        place(WARM_UP + done)
        done += 1
    orders.put((job, done))


def rates(jobs: list[Job], total: Decimal) -> dict[Job, float]:
    """Orders per second of each job, all of them running concurrently."""
    connection.close()
    orders: multiprocessing.Queue[tuple[Job, int]] = multiprocessing.Queue()
    warm = multiprocessing.Barrier(len(jobs))
    processes = [multiprocessing.Process(target=buy, args=(job, total, warm, orders)) for job in jobs]
    for process in processes:
        process.start()
    done = dict(orders.get(timeout=SECONDS + 120) for _ in jobs)
    for process in processes:
        process.join()
    return {job: number / SECONDS for job, number in done.items()}


def plain_sql(mark: str, product: Product) -> float:
    """The same with pgbench: transactions per second."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SEQUENCE IF EXISTS hot_row_number; CREATE SEQUENCE hot_row_number")
    variables = {"mark": f"'{mark}'", "product": product.pk, "stock": Stock.objects.get(product=product).pk}
    pgbench = subprocess.run(
        [
            str(binary("pgbench")), "-n", "-f", str(SCRIPT), "-c", str(CLIENTS), "-j", "2", "-T", str(int(SECONDS)),
            *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")),
            os.environ["DATABASE_URL"],
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", pgbench.stdout)
    assert found, pgbench.stdout + pgbench.stderr
    return float(found[1])


def main() -> None:
    mark, half = str(int(time.time())), CLIENTS // 2
    products = [
        ProductFactory(sku=f"HOT-{mark}-{n}", slug=f"hot-{mark}-{n}", price=Decimal(100), stock=1_000_000_000)
        for n in range(CLIENTS + 1)
    ]
    hot, cold = products[0], products[1:]
    total = carts_with(hot, f"first{mark}", 1)
    for round_ in range(ROUNDS):
        for what in ("hot", "beside"):
            carts_with(hot, f"{what}{mark}.{round_}", CARTS)
        for n, product in enumerate(cold):
            for what in ("apart", "beside"):
                carts_with(product, f"{what}{mark}.{round_}.{n}", CARTS // 2)

        def on(what: str, number: int, mark: str = f"{mark}.{round_}") -> list[Job]:
            return [(f"{what}{mark}.{n}", 1, 1) for n in range(number)]

        all_hot = [(f"hot{mark}.{round_}", 1 + n, CLIENTS) for n in range(CLIENTS)]
        crowd = [(f"beside{mark}.{round_}", 1 + n, half) for n in range(half)]
        carts_with(hot, f"plain{mark}.{round_}", CARTS * 3)
        plain = plain_sql(f"{mark}.{round_}", hot)
        ours = sum(rates(all_hot, total).values())
        apart = rates(on("apart", CLIENTS), total)
        beside = rates([*on("beside", half), *crowd], total)
        others = sum(beside[job] for job in on("beside", half)), sum(apart[job] for job in on("apart", half))
        sys.stdout.write(
            f"one row: plain SQL {plain:.0f}/s, place_order {ours:.0f}/s ({ours / plain:.0%}); "
            f"{CLIENTS} rows: {sum(apart.values()):.0f}/s; "
            f"{half} other products beside {half} buyers of the hot one: {others[0]:.0f}/s, "
            f"beside {half} of others: {others[1]:.0f}/s ({others[0] / others[1]:.0%})\n"
        )


if __name__ == "__main__":
    main()
