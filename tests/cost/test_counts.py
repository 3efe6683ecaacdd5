"""Statements and trips are counted one by one; bytecodes stand under our function that caused them."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.transaction import atomic

from config.money import to_minor_units
from inventory.models import Product
from tests.cost.bytecodes import Bytecodes
from tests.cost.callgrind import Callgrind, instructions
from tests.cost.trips import Trips
from tests.cost.workload import Counted

DUMP = """# callgrind format
desc: Timerange: Basic block 0 - 353691
desc: Trigger: Client Request: order 3

events: Ir
summary: {count}

fn=_PyEval_EvalFrameDefault
0 1
totals: {count}
"""


@pytest.mark.django_db(transaction=True)
def test_statements_and_trips_are_counted() -> None:
    with Trips() as trips, atomic():
        Product.objects.count()
        Product.objects.exists()
        cache.get_many(["a", "b"])
        counted = trips.so_far()
    assert counted == Counter(statements=2, redis=1)
    Product.objects.count()
    assert trips.so_far() == counted
    assert not [wrapper for wrapper in connection.execute_wrappers if getattr(wrapper, "__self__", None) is trips]


def test_work_stands_under_the_function_of_ours_that_caused_it() -> None:
    bytecodes = Bytecodes()

    def parse() -> None:
        json.loads("[1, 2]")

    def amount() -> None:
        to_minor_units(Decimal(10), "BRL")

    with bytecodes.counting() as found:
        parse()
        amount()
    here = f"tests/cost/{Path(__file__).name}:test_work_stands_under_the_function_of_ours_that_caused_it.<locals>"
    assert {f"{here}.parse", f"{here}.parse > python", "config/money.py:to_minor_units"} <= set(found)
    assert found[f"{here}.parse"] < found[f"{here}.parse > python"]
    with bytecodes.counting() as once:
        parse()
    with bytecodes.counting() as twice:
        parse()
        parse()
    assert twice[f"{here}.parse > python"] == 2 * once[f"{here}.parse > python"]


def test_of_parts_of_one_name_the_median_counts(tmp_path: Path) -> None:
    for number, count in enumerate((1_000, 1_002, 5_000)):
        (tmp_path / f"callgrind.out.{number}").write_text(DUMP.format(count=count))
    # What ran between the parts has no name.
    (tmp_path / "callgrind.out.9").write_text("desc: Trigger: Program termination\nsummary: 5\n")
    assert instructions(tmp_path) == {"order 3": 3 * 1_002}


def test_without_valgrind_nothing_happens() -> None:
    callgrind = Callgrind()
    callgrind.start()
    with callgrind.counting("anything"):
        pass
    assert not callgrind.running


@pytest.mark.django_db(transaction=True)
def test_a_part_that_meets_what_is_chance_changes_no_count() -> None:
    with Trips() as trips:
        counted = Counted(trips, functions=False)
        for reads in (1, 1, 2):
            with counted.part("read 3"), atomic():
                for _ in range(reads):
                    Product.objects.count()
    assert counted.parts() == {"read 3": {"statements": 3, "redis": 0}}
