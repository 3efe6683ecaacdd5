"""The parts of a bench: filled, warm shops, and rounds that are driven, measured and verified."""

import json
import shutil
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from config.devstack import process_locks
from config.devstack.data import DataFolder
from tests.load import verify
from tests.load.drive import Driven, drive
from tests.load.figures import Round, summary
from tests.load.measure import PeakMemory, Snapshot, counts
from tests.load.scenarios import Scenario
from tests.load.sides import NAMES, Servers, Side
from tests.load.stand_ins import StandIns


class Bench:
    """Everything that runs during the scenarios."""

    def __init__(self, servers: Servers, stand: StandIns, both: dict[str, Side], folder: Path) -> None:
        self._servers, self._stand, self._sides, self._folder = servers, stand, both, folder
        self._goods = folder / "goods.json"
        self._orders_made = 0
        self.problems: list[str] = []

    def run(self, scenario: Scenario) -> dict[str, Any]:
        """The figures by side. Sides take turns; each round starts with the other one."""
        self._stand.take(scenario.latencies)
        rounds: dict[str, list[Round]] = defaultdict(list)
        for number in range(scenario.rounds):
            for name in sorted(scenario.sides, reverse=number % 2 == 0):
                rounds[name].append(self.round(scenario, self._sides[name]))
            self._orders_made += scenario.orders_a_round
        return {name: summary(rounds[name]) for name in NAMES if rounds[name]}

    def round(self, scenario: Scenario, side: Side) -> Round:
        """One run against one side, which runs for as long as this takes."""
        self._stand.send_webhooks_to(f"{side.url}/webhooks/stripe/" if side.has_worker else "")
        clocks = (side.web, side.worker, self._servers.postgres_process.pid)
        counted, cost, began = counts(side.metrics), Snapshot.taken(*clocks), time.monotonic()
        with PeakMemory(side.processes) as memory:
            driven = drive(scenario, side.url, self._goods, self._folder, first_order=self._orders_made)
            # The mail is part of the order: its cost counts, whichever process sends it.
            unsent = verify.wait_for_mails(side.database_url)
        seconds, cost = time.monotonic() - began, Snapshot.taken(*clocks).since(cost)
        if unsent:
            self.problems.append(f"{scenario.name}, {side.name}: {unsent} mails are not sent.")
        counted = counts(side.metrics) - counted
        verified = self._verify(scenario, side, driven)
        return Round(driven, verified, counted, cost, seconds, memory.megabytes)

    def _verify(self, scenario: Scenario, side: Side, driven: Driven) -> int:
        reported = {record.order: record.lines for record in driven.records if record.order}
        good = verify.good_orders(side.database_url, reported)
        if bad := sorted(set(reported) - good):
            self.problems.append(f"{scenario.name}, {side.name}: {len(bad)} orders are not as reported: {bad[:5]}")
        if not any(record.ok for record in driven.records):
            reason = next((record.reason for record in driven.records), "k6 recorded nothing")
            self.problems.append(f"{scenario.name}, {side.name}: no visit succeeded: {reason}")
        return len(good)


def fresh_data(name: str = "bench") -> DataFolder:
    """An empty folder for this run; data of an earlier one is deleted."""
    chosen_folder = DataFolder.chosen()
    chosen_folder.create()
    if process_locks.take(chosen_folder.leases, name) is None:
        raise SystemExit(f"Another {name} is running on {chosen_folder.root}. Wait for it, or set ESTEIRA_DATA.")
    root = chosen_folder.root / name
    shutil.rmtree(root, ignore_errors=True)
    return DataFolder(root)


def fill(side: Side, goods: Path, orders: int) -> None:
    """Fill its database, and write what it sells to `goods`."""
    side.manage("migrate", "--no-input")
    side.manage("seed_demo")
    side.manage("load_shipping_rates")
    side.run_module("tests.load.goods", str(goods), str(orders))


def fill_both(both: dict[str, Side], servers: Servers, goods: Path, orders: int) -> None:
    """The same goods and carts for both: an older checkout makes them, and this one migrates its copy."""
    before, after = both["before"], both["after"]
    if before.tree == after.tree:
        fill(after, goods, orders)
        servers.copy_database()
        return
    before.build_catalogues()
    before.variables["DATABASE_URL"] = after.database_url
    fill(before, goods, orders)
    servers.copy_database()
    before.variables["DATABASE_URL"] = before.database_url
    after.manage("migrate", "--no-input")


def warm_up(both: dict[str, Side], goods: Path) -> None:
    """Warm up as a running shop is: every page and product was viewed within the hour, every cart was filled."""
    document = json.loads(goods.read_text())
    for side in both.values():
        paths = [f"products/?page={number}" for number in range(1, 11)]
        paths += [f"products/{product['sku']}/" for product in document["products"]]
        paths += [f"carts/{token}/" for kind in ("browsing", "checking") for token in document["carts"][kind]]
        for path in paths:
            with urllib.request.urlopen(f"{side.url}/api/v1/{path}", timeout=30):
                pass
