"""`make bench`: both shops under the same load in turn, measured and verified. `--quick`: in about two minutes."""

import argparse
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from config.devstack import process_locks
from config.devstack.data import PROJECT
from tests.load import page, report, stand_ins, verify
from tests.load.bench import Bench, fill_both, fresh_data, warm_up
from tests.load.measure import fixed_loop_ms
from tests.load.scenarios import chosen
from tests.load.sides import NAMES, Servers, Side

RESULTS = PROJECT / "bench"


def main() -> int:
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--page", type=Path, help="where the table and the charts of this run are written to")
    options.add_argument("--before", type=Path, help="an older checkout of this shop, to run instead of the old one")
    given = options.parse_args()
    _end_with_make()
    began, results = time.monotonic(), _measured(quick=given.quick, older=given.before and given.before.resolve())
    results["seconds"] = round(time.monotonic() - began)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (RESULTS / "report.html").write_text(page.html(results))
    print(report.text(results))
    print(f"\nWritten in {results['seconds']} s: bench/results.json, bench/report.html")
    if given.page and not given.before and not results["problems"]:
        report.write(given.page, results)
    return 1 if results["problems"] else 0


def _measured(*, quick: bool, older: Path | None) -> dict[str, Any]:
    scenarios = chosen(quick=quick, older_tree=older is not None)
    data = fresh_data()
    servers, found, loops = Servers(data), {}, [fixed_loop_ms()]
    with servers.running(), stand_ins.running(data.root) as stand:
        both = {
            "before": Side("before", servers, stand, data, older),
            "after": Side("after", servers, stand, data),
        }
        _say("A shop, its goods, and its copy …")
        orders = sum(one.orders_a_round * one.rounds for one in scenarios)
        fill_both(both, servers, data.root / "goods.json", orders)
        units = verify.on_hand(both["after"].database_url)
        with both["before"].running(), both["after"].running():
            bench = Bench(servers, stand, both, data.root)
            warm_up(both, data.root / "goods.json")
            for scenario in scenarios:
                _say(f"{scenario.name}: {scenario.rounds} × {' and '.join(scenario.sides)} …")
                found[scenario.name] = bench.run(scenario)
                loops.append(fixed_loop_ms())
        sold_twice = {name: verify.units_sold_twice(both[name].database_url, units) for name in NAMES}
    if sold_twice["after"]:
        bench.problems.append(f"{sold_twice['after']} units were sold twice.")
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "before": _commit(older) if older else "",
        "machine": {
            "cores": psutil.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30),
            "fixed_loop_ms": loops,
        },
        "latencies_ms": vars(stand_ins.REALISTIC),
        "scenarios": found,
        "units_sold_twice": sold_twice,
        "problems": bench.problems,
    }


def _commit(tree: Path) -> str:
    git = ["git", "-C", str(tree), "log", "-1", "--format=%h of %cs"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or tree.name


def _end_with_make() -> None:
    """Turn SIGTERM into an orderly shutdown of everything that the bench has started."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if process_locks.under_make():
        process_locks.die_with_parent(signal.SIGTERM)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
