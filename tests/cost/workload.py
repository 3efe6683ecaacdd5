"""`python -m tests.cost.workload GOODS FOLDER`: orders and cached reads in this process, each counted as a part.

Writes FOLDER/counted.json: by part the statements and the trips to Redis, and with `--functions` the bytecodes of each
of our functions. Under callgrind instructions are counted as well. Each part runs once with N repeats and once
with 2 N: the difference is what a repeat costs, without what is paid once.
"""

import argparse
import contextlib
import gc
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from config.redis.entries import QUIET_SECONDS
from config.wsgi import application  # sets Django up
from tests.cost.bytecodes import Bytecodes
from tests.cost.callgrind import Callgrind
from tests.cost.shopper import Shopper
from tests.cost.trips import Trips
from tests.load.measure import fixed_loop

# Warm after so many: every cache filled, every connection open, every statement prepared (the fifth time).
WARM = 6
UNIT = "fixed loop"


class Counted:
    """Counts what runs inside of a part, by everything that can count here."""

    def __init__(self, trips: Trips, *, functions: bool) -> None:
        self.callgrind, self._trips = Callgrind(), trips
        self._bytecodes = Bytecodes() if functions else None
        self._found: dict[str, list[Counter[str]]] = defaultdict(list)
        self.functions: dict[str, Counter[str]] = defaultdict(Counter)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        before = self._trips.so_far()
        with self.callgrind.counting(name), self._traced(name):
            yield
        now = self._trips.so_far()
        self._found[name].append(Counter({what: now[what] - before[what] for what in now}))

    def parts(self) -> dict[str, dict[str, float]]:
        """Of several parts of one name the median, as often as there are parts, as with instructions: one of them may
        meet what is chance, such as a copy in the cache that is due to be read anew."""
        return {
            name: {what: statistics.median(part[what] for part in found) * len(found) for what in found[0]}
            for name, found in self._found.items()
        }

    @contextlib.contextmanager
    def _traced(self, name: str) -> Iterator[None]:
        if self._bytecodes is None:
            yield
            return
        with self._bytecodes.counting() as found:
            yield
        self.functions[name].update(found)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("goods", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--functions", action="store_true")
    given = options.parse_args()
    shopper = Shopper(application, json.loads(given.goods.read_text()))
    for _ in range(WARM):
        for visit in (shopper.buy_in_few_calls, shopper.buy, shopper.learn_of_events, shopper.after_the_sale):
            visit()
    # What is sold for the first time is dropped from the cache, not replaced: for so long after it, too.
    time.sleep(QUIET_SECONDS)
    # When garbage is collected is chance, and the larger part of what two counts differ by.
    gc.disable()
    with Trips() as trips:
        counted = Counted(trips, functions=given.functions)
        counted.callgrind.start()
        run(shopper, counted)
    document = {"parts": counted.parts(), "functions": counted.functions}
    (given.folder / "counted.json").write_text(json.dumps(document))


def run(shopper: Shopper, counted: Counted) -> None:
    for repeats in (1, 2):
        with counted.part(f"{UNIT} {repeats}"):
            for _ in range(repeats):
                fixed_loop()
    for repeats in (3, 6):
        for _ in range(repeats):
            with counted.part(f"order, four calls {repeats}"):
                shopper.buy_in_few_calls()
            shopper.learn_of_events()
            shopper.after_the_sale()
            with counted.part(f"order, eight calls {repeats}"):
                shopper.buy()
            shopper.learn_of_events()
            with counted.part(f"its webhooks and mail {repeats}"):
                shopper.after_the_sale()
    reads: dict[str, Callable[[], Any]] = {
        "catalogue, cached": shopper.catalogue,
        "product, cached": shopper.product,
        "cart, cached": shopper.cart,
    }
    for name, read in reads.items():
        for _ in range(WARM):
            read()
        for repeats in (10, 20):
            for _ in range(repeats):
                with counted.part(f"{name} {repeats}"):
                    read()


if __name__ == "__main__":
    main()
