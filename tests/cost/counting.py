"""Runs the workload twice, on servers of its own: for statements, trips and functions, then under callgrind."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.devstack.data import PROJECT
from tests.cost import callgrind
from tests.cost.table import Costs, Table
from tests.load import stand_ins
from tests.load.bench import fill, fresh_data
from tests.load.sides import Servers, Side

UNIT = "fixed loop"


def counted() -> Table:
    data = fresh_data("cost")
    servers, goods = Servers(data), data.root / "goods.json"
    with servers.running(), stand_ins.running(data.root) as stand:
        stand.take(stand_ins.NONE)
        stand.send_webhooks_to("")
        shop = Side("after", servers, stand, data)
        fill(shop, goods, orders=1)
        workload = [sys.executable, "-W", "ignore", "-m", "tests.cost.workload", str(goods)]
        told = _run(shop, "functions", [*workload, str(data.root), "--functions"])
        folder = data.root / "callgrind"
        folder.mkdir()
        _run(shop, "callgrind", callgrind.command([*workload, str(folder)], folder))
        instructions = callgrind.instructions(folder)
    return table(told["parts"], told["functions"], instructions)


def table(
    parts: Mapping[str, Mapping[str, float]],
    functions: Mapping[str, Mapping[str, int]],
    instructions: Mapping[str, int],
) -> Table:
    """From counts of parts, each run with N and with 2 N repeats, to costs of one repeat."""
    unit = once(instructions)[UNIT]
    by_what = {
        what: once({name: counts.get(what, 0) for name, counts in parts.items()}) for what in ("statements", "redis")
    }
    rows = {
        name: Costs(statements=by_what["statements"][name], redis=by_what["redis"][name], loops=cost / unit)
        for name, cost in sorted(once(instructions).items())
        if name != UNIT
    }
    return Table(rows, {name: _functions(name, functions) for name in rows})


def once(counts: Mapping[str, float]) -> dict[str, float]:
    """The cost of one repeat: of `NAME N`, the larger N's count less the smaller one's, by the difference."""
    by_name: dict[str, list[tuple[int, float]]] = {}
    for part, count in counts.items():
        name, repeats = part.rsplit(" ", 1)
        by_name.setdefault(name, []).append((int(repeats), count))
    pairs = {name: sorted(found) for name, found in by_name.items()}
    return {name: (most - least) / (twice - one) for name, ((one, least), (twice, most)) in pairs.items()}


def _functions(name: str, functions: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    parts = {part: counts for part, counts in functions.items() if part.rsplit(" ", 1)[0] == name}
    every = {function for counts in parts.values() for function in counts}
    found = Counter[str]()
    for function in every:
        found[function] = round(once({part: counts.get(function, 0) for part, counts in parts.items()})[name])
    return dict(found)


def _run(shop: Side, name: str, command: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Run the workload to its end; what it counted."""
    folder = Path(command[-1] if command[-1] != "--functions" else command[-2])
    log = folder / f"{name}.log"
    variables = {**os.environ, **shop.variables, "PYTHONHASHSEED": "0"}
    variables["PROMETHEUS_MULTIPROC_DIR"] = str(folder / f"metrics-{name}")
    Path(variables["PROMETHEUS_MULTIPROC_DIR"]).mkdir()
    with log.open("wb") as file:
        done = subprocess.run(command, cwd=PROJECT, env=variables, stdout=file, stderr=file, check=False)
    if done.returncode:
        raise SystemExit(f"The workload ended with {done.returncode}:\n{log.read_text()[-3000:]}")
    found: dict[str, dict[str, dict[str, int]]] = json.loads((folder / "counted.json").read_text())
    return found
