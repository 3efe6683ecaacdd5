"""Checkouts while one provider call in five fails at random: in balance at the end.

No webhook ever arrives: the sweeper alone resolves outcomes. The seed is printed; NOISE_SEED=… replays the shoppers'
choices and the faults, NOISE=… sets the number of checkouts.
"""

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from cart.snapshot import CartSnapshot
from config.exceptions import Refusal
from tests.faults import FULL
from tests.faults.crash_cases import Case, authenticates, does_nothing, pays_pix
from tests.support.books import Books
from tests.support.factories.cart import ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, DECLINED, VISA, order_of
from tests.support.sandbox import Sandbox, close_breakers
from tests.support.simulated_time import two_minutes

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUTS = int(os.environ.get("NOISE", 10_000 if FULL else 150))
# The number of parallel shops, each with its share of the checkouts and its own seed.
SHOPS = 8 if FULL else 2
# Checkouts between two runs of the sweeper.
ROUND = 50
CALLS_THAT_FAIL = 0.2
# Long enough for a payment that waits for its shopper to expire.
HALF_AN_HOUR = 31 * 60

FAULTS = [
    {"kind": "lost_answer"},
    {"kind": "error", "error_status": 500},
    {"kind": "error", "error_status": 500, "after": True},
    {"kind": "error", "error_status": 429},
    {"kind": "error", "error_status": 503},
    {"kind": "slow", "latency_ms": 30},
]
# What a shopper pays with, and what they do then.
WAYS: list[tuple[str, Callable[[Case], None]]] = [
    (VISA, does_nothing),
    (VISA, does_nothing),
    (DECLINED, does_nothing),
    (AUTHENTICATE, authenticates),
    (AUTHENTICATE, does_nothing),
    ("pix", pays_pix),
    ("pix", does_nothing),
]


def strike(sandbox: Sandbox, chance: random.Random) -> None:
    """From now on calls fail at random, in different ways."""
    sandbox.no_faults()
    left = 1.0
    for fault in FAULTS:
        share = CALLS_THAT_FAIL / len(FAULTS)
        sandbox.fault(**fault, probability=share / left, seed=chance.randrange(10**9))
        left -= share


def check_out(cart: CartSnapshot, sandbox: Sandbox, chance: random.Random) -> str:
    """One shopper, who tries another card once if the first attempt fails."""
    method, act = chance.choice(WAYS)
    for way in [method, VISA]:
        try:
            status = order_of(cart, way).status
            break
        except Refusal as refusal:
            status = type(refusal).__name__
        close_breakers()
    act(Case(cart, sandbox, method))
    return status


@pytest.mark.parametrize("shop", range(SHOPS))
def test_noise(shop: int, sandbox: Sandbox, books: Books, move_clocks: Callable[[float], None]) -> None:
    chance = random.Random(int(os.environ["NOISE_SEED"]) + shop)
    checkouts = CHECKOUTS // SHOPS
    product = ProductFactory(stock=checkouts)
    books.open()
    answers: Counter[str] = Counter()
    for done in range(0, checkouts, ROUND):
        strike(sandbox, chance)
        for cart in ready_carts([product], min(ROUND, checkouts - done)):
            answers[check_out(cart, sandbox, chance)] += 1
            close_breakers()
        two_minutes(move_clocks)
        # What is still pending by now is cancelled, under faults as well.
        move_clocks(HALF_AN_HOUR)
        two_minutes(move_clocks)
    sandbox.no_faults()
    move_clocks(HALF_AN_HOUR)
    for _ in range(2 + checkouts // 100):
        two_minutes(move_clocks)
    balance = books.check("noise: 20 % of the provider's calls fail", checkouts)
    assert balance.paid_orders > checkouts / 4, answers
