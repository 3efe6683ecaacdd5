"""The committed costs, and how what was counted now compares with them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("table.json")
# Two counts of one tree differ by less: in instructions by this share, in statements and trips by one in three orders.
TOLERANCE, LESS_THAN_ONE = 0.03, 0.34
# A function is kept if it causes this share of a cost; so many that grew are named.
SHARE, NAMED = 0.002, 8
WORDS = {"statements": "statements", "redis": "trips to Redis", "loops": "fixed loops"}


@dataclass(frozen=True)
class Costs:
    """Of one order, or of one read. `loops`: machine instructions, in units of the fixed loop of the same run."""

    statements: float
    redis: float
    loops: float

    def since(self, kept: "Costs", tolerance: float) -> dict[str, tuple[float, float]]:
        """What differs by more than two counts of the same tree do: before and now."""
        allowed = {"statements": LESS_THAN_ONE, "redis": LESS_THAN_ONE, "loops": tolerance * kept.loops}
        pairs = {what: (getattr(kept, what), getattr(self, what)) for what in allowed}
        return {what: (was, now) for what, (was, now) in pairs.items() if abs(now - was) > allowed[what]}


@dataclass(frozen=True)
class Table:
    """`functions`: by row, the bytecodes that each function of ours causes."""

    rows: dict[str, Costs]
    functions: dict[str, dict[str, int]]

    @classmethod
    def read(cls, text: str, python: str, *, or_any: bool = False) -> "Table":
        """The costs in this version of Python. If the table does not know it: no rows or, with `or_any`, those of the
        version that costs most."""
        document = json.loads(text)
        if or_any:
            for costs in document["rows"].values():
                costs["loops"].setdefault(python, max(costs["loops"].values()))
        known = {name: costs for name, costs in document["rows"].items() if python in costs["loops"]}
        rows = {name: Costs(**{**costs, "loops": costs["loops"][python]}) for name, costs in known.items()}
        return cls(rows, document["functions"])

    def text(self, python: str, earlier: str) -> str:
        """As it is committed. In other versions each cost of the `earlier` table changes as it did in this one."""
        before = json.loads(earlier)["rows"]
        rows = {
            name: {
                "statements": round(costs.statements, 2),
                "redis": round(costs.redis, 2),
                "loops": _in_every_version(before.get(name, {"loops": {}})["loops"], python, costs.loops),
            }
            for name, costs in self.rows.items()
        }
        functions = {name: _large(found) for name, found in self.functions.items()}
        return json.dumps({"rows": rows, "functions": functions}, indent=1) + "\n"

    def lines(self) -> Iterator[str]:
        yield f"{'':34} {'statements':>10} {'trips to Redis':>14} {'fixed loops':>11}"
        for name, costs in self.rows.items():
            yield f"{name:34} {costs.statements:10.1f} {costs.redis:14.1f} {costs.loops:11.4f}"

    def grown(self, kept: "Table", tolerance: float = TOLERANCE) -> list[str]:
        """What costs more than it did, each with the functions that cause it. A row that is not kept has grown."""
        found = [
            f"{name} is not in the table of this version of Python." for name in self.rows if name not in kept.rows
        ]
        for name, was, now, what in self._changes(kept, tolerance):
            if now > was:
                share = f" ({now / was - 1:+.1%})" if was else ""
                found.append(f"{name}: {was:.4g} {what} were kept, now {now:.4g}{share}.")
                found += [f"    {line}" for line in self._grown_functions(kept, name)]
        return found

    def fallen(self, kept: "Table") -> list[str]:
        return [
            f"{name}: {was:.4g} {what} kept, now {now:.4g} ({now / was - 1:+.1%})."
            for name, was, now, what in self._changes(kept, TOLERANCE)
            if now < was
        ]

    def _changes(self, kept: "Table", tolerance: float) -> Iterator[tuple[str, float, float, str]]:
        for name in [name for name in self.rows if name in kept.rows]:
            for what, (was, now) in self.rows[name].since(kept.rows[name], tolerance).items():
                yield name, was, now, WORDS[what]

    def _grown_functions(self, kept: "Table", name: str) -> list[str]:
        found, before = self.functions[name], kept.functions.get(name, {})
        least = SHARE * sum(found.values())
        more = {function: count - before.get(function, 0) for function, count in found.items()}
        named = sorted((function for function in more if more[function] >= least), key=lambda one: -more[one])
        return [f"{more[function]:+,} bytecodes in {function}" for function in named[:NAMED]]


def _in_every_version(before: Mapping[str, float], python: str, loops: float) -> dict[str, float]:
    changed = loops / before[python] if python in before else 1.0
    return {**{other: round(was * changed, 5) for other, was in before.items()}, python: round(loops, 5)}


def _large(found: Mapping[str, int]) -> dict[str, int]:
    """Those that matter, in an order that changes little from one commit to the next."""
    least = SHARE * sum(found.values())
    return {function: count for function, count in sorted(found.items()) if count >= least}
