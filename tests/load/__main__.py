"""`make bench`: both shops side by side, driven in turn, measured and verified. `--quick`: in under two minutes."""

import argparse
import json
import shutil
import signal
import sys
import time
import urllib.request
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from config.embedded import leases
from config.embedded.data import PROJECT, DataFolder
from tests.load import page, report, stand_ins, verify
from tests.load.drive import Driven, drive
from tests.load.figures import Round, summary
from tests.load.measure import PeakMemory, Snapshot, counts
from tests.load.scenarios import Scenario, chosen
from tests.load.sides import NAMES, Servers, Side
from tests.load.stand_ins import StandIns

RESULTS = PROJECT / "bench"


class Bench:
    """Everything that stands while scenarios are run."""

    def __init__(self, servers: Servers, stand: StandIns, both: dict[str, Side], folder: Path) -> None:
        self._servers, self._stand, self._sides, self._folder = servers, stand, both, folder
        self._goods = folder / "goods.json"
        self._orders_made = 0
        self.problems: list[str] = []

    def run(self, scenario: Scenario) -> dict[str, Any]:
        """The figures by side. Sides take turns, and who begins changes with each round."""
        self._stand.take(scenario.latencies)
        rounds: dict[str, list[Round]] = defaultdict(list)
        for number in range(scenario.rounds):
            for name in sorted(scenario.sides, reverse=number % 2 == 0):
                rounds[name].append(self.round(scenario, self._sides[name]))
            self._orders_made += scenario.orders_a_round
        return {name: summary(rounds[name]) for name in NAMES if rounds[name]}

    def round(self, scenario: Scenario, side: Side) -> Round:
        """One run against one side, which stands as long as this lasts."""
        self._stand.tell_of_payments(f"{side.url}/webhooks/stripe/" if side.name == "after" else "")
        clocks = (side.web, side.worker, self._servers.postgres_process.pid)
        counted, cost, began = counts(side.metrics), Snapshot.taken(*clocks), time.monotonic()
        with PeakMemory(side.processes) as memory:
            driven = drive(scenario, side.url, self._goods, self._folder, first_order=self._orders_made)
            # The mail belongs to the order: its cost counts, whoever sends it.
            unsent = verify.wait_for_mails(side.database_url)
        seconds, cost = time.monotonic() - began, Snapshot.taken(*clocks).since(cost)
        if unsent:
            self.problems.append(f"{scenario.name}, {side.name}: {unsent} mails are not sent.")
        counted = counts(side.metrics) - counted
        verified = self._verify(scenario, side, driven)
        return Round(driven, verified, counted, cost, seconds, memory.megabytes)

    def _verify(self, scenario: Scenario, side: Side, driven: Driven) -> int:
        told = {record.order: record.lines for record in driven.records if record.order}
        good = verify.good_orders(side.database_url, told)
        if bad := sorted(set(told) - good):
            self.problems.append(f"{scenario.name}, {side.name}: {len(bad)} orders are not as told: {bad[:5]}")
        if not any(record.ok for record in driven.records):
            reason = next((record.reason for record in driven.records), "k6 recorded nothing")
            self.problems.append(f"{scenario.name}, {side.name}: nobody was served: {reason}")
        return len(good)


def main() -> int:
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--page", type=Path, help="where the table and the charts of this run are written to")
    given = options.parse_args()
    _end_with_make()
    began, results = time.monotonic(), _measured(quick=given.quick)
    results["seconds"] = round(time.monotonic() - began)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "report.html").write_text(page.html(results))
    print(report.text(results))
    print(f"\nWritten in {results['seconds']} s: bench/results.json, bench/report.html")
    if given.page and not results["problems"]:
        report.write(given.page, results)
    return 1 if results["problems"] else 0


def _measured(*, quick: bool) -> dict[str, Any]:
    scenarios = chosen(quick=quick)
    data = fresh_data()
    servers, found = Servers(data), {}
    with servers.running(), stand_ins.running(data.root) as stand:
        both = {name: Side(name, servers, stand, data) for name in NAMES}
        _say("A shop, its goods, and its copy …")
        fill(both["after"], servers, data.root, sum(one.orders_a_round * one.rounds for one in scenarios))
        units = verify.on_hand(both["after"].database_url)
        with both["before"].running(), both["after"].running():
            bench = Bench(servers, stand, both, data.root)
            warm_up(both, data.root / "goods.json")
            for scenario in scenarios:
                _say(f"{scenario.name}: {scenario.rounds} × {' and '.join(scenario.sides)} …")
                found[scenario.name] = bench.run(scenario)
        sold_twice = {name: verify.units_sold_twice(both[name].database_url, units) for name in NAMES}
    if sold_twice["after"]:
        bench.problems.append(f"{sold_twice['after']} units were sold twice.")
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": {"cores": psutil.cpu_count(), "memory_gb": round(psutil.virtual_memory().total / 2**30)},
        "latencies_ms": vars(stand_ins.REALISTIC),
        "scenarios": found,
        "units_sold_twice": sold_twice,
        "problems": bench.problems,
    }


def _end_with_make() -> None:
    """However we are ended, everything that we have started ends in good order."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if leases.under_make():
        leases.die_with_parent(signal.SIGTERM)


def fresh_data() -> DataFolder:
    """A folder for this run alone; what an earlier one has left is gone."""
    chosen_folder = DataFolder.chosen()
    chosen_folder.create()
    if leases.take(chosen_folder.leases, "bench") is None:
        raise SystemExit(f"Another bench is running on {chosen_folder.root}. Wait for it, or set ESTEIRA_DATA.")
    root = chosen_folder.root / "bench"
    shutil.rmtree(root, ignore_errors=True)
    return DataFolder(root)


def fill(side: Side, servers: Servers, folder: Path, orders: int) -> None:
    side.manage("migrate", "--no-input")
    side.manage("seed_demo")
    side.manage("load_shipping_rates")
    side.run_module("tests.load.goods", str(folder / "goods.json"), str(orders))
    servers.copy_database()


def warm_up(both: dict[str, Side], goods: Path) -> None:
    """What an open shop has behind it: every page and product was looked at within the hour, every cart was filled."""
    document = json.loads(goods.read_text())
    for side in both.values():
        paths = [f"products/?page={number}" for number in range(1, 11)]
        paths += [f"products/{product['sku']}/" for product in document["products"]]
        paths += [f"carts/{token}/" for kind in ("browsing", "checking") for token in document["carts"][kind]]
        for path in paths:
            with urllib.request.urlopen(f"{side.url}/api/v1/{path}", timeout=30):
                pass


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
