"""More buyers than units, with lines in opposite order: exactly the stock is sold, without a deadlock."""

import json
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier

import pytest
from django.db import OperationalError, connection, transaction

from cart.snapshot import CartSnapshot
from checkout import tasks
from inventory.models import Stock
from tests.faults import FULL
from tests.races.callers import deadlocks
from tests.support import processes
from tests.support.books import Books
from tests.support.factories.cart import ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import stock_of
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS, UNITS = (1_000, 100) if FULL else (60, 12)
PROCESSES, THREADS = (4, 8) if FULL else (2, 6)


def buy_all(carts: list[CartSnapshot], sandbox: Sandbox, mails: MailSink) -> Counter[str]:
    """Buy in several processes of several threads; returns the number of each outcome."""
    running = [
        subprocess.Popen(
            [*processes.PYTHON, "-m", "tests.races.buyers", str(THREADS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=processes.REPOSITORY,
            env=processes.environment(sandbox, mails.port),
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    shares = [
        json.dumps([(cart.id, str(cart.total)) for cart in carts[place::PROCESSES]]) for place in range(PROCESSES)
    ]
    with ThreadPoolExecutor(PROCESSES) as pool:
        printed = pool.map(lambda process, share: process.communicate(share)[0], running, shares)
        return sum((Counter(json.loads(text)) for text in printed), Counter())


def test_exactly_the_stock_is_sold(sandbox: Sandbox, books: Books, mails: MailSink) -> None:
    goods = [ProductFactory(stock=UNITS) for _ in range(3)]
    pairs = zip(ready_carts(goods, BUYERS // 2), ready_carts(goods[::-1], BUYERS // 2), strict=True)
    carts = list(chain.from_iterable(pairs))
    books.open()
    before = deadlocks()
    answers = buy_all(carts, sandbox, mails)
    assert answers == {"paid": UNITS, "InsufficientStock": BUYERS - UNITS}
    assert deadlocks() == before
    assert [stock_of(product) for product in goods] == [(0, 0)] * 3
    assert sandbox.ledger()["captured"] == UNITS * int(carts[0].total * 100)
    for _ in range(1 + UNITS // 50):
        tasks.relay_outbox()
    two_minutes()
    books.check(f"race: {BUYERS} buyers of {UNITS} units", BUYERS)


def test_rows_locked_in_the_carts_order_would_deadlock() -> None:
    """The control: two carts that lock the same rows in the order of their lines, not in the order of their ids."""
    rows = [Stock.objects.get(product=ProductFactory(stock=5)).pk for _ in range(2)]
    both_hold_one = Barrier(2, timeout=10)

    def lock(order: list[int]) -> str:
        try:
            with transaction.atomic():
                Stock.objects.select_for_update().get(pk=order[0])
                both_hold_one.wait()
                Stock.objects.select_for_update().get(pk=order[1])
            return "locked"
        except OperationalError as error:
            return "deadlock" if "deadlock" in str(error) else str(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lock, [rows, rows[::-1]])) == ["deadlock", "locked"]
