"""Tables: aligned for a terminal, or as Markdown for a page."""

from collections.abc import Sequence
from typing import Any

from tests.load.aims import Verdict, cpu, milliseconds, number, percent, verdicts

Rows = list[list[str]]

PLAN = ["before", "after", "change", "promised", "aim", ""]
WORDS = {"side", ""}
TIMES = [
    "times", "side", "mean", "p50", "p95", "p99", "orders", "calls", "verified", "orders/s", "failed", "dropped",
]  # fmt: skip
COSTS = [
    "costs", "side", "statements", "of an order", "no SQL", "hits", "CPU: web", "of it worker", "database", "a request",
    "memory",
]  # fmt: skip
PARTS = ["where a mean checkout's time went", "side"]


def plan(results: dict[str, Any]) -> Rows:
    compared = f"against this shop at {results['before']}" if results["before"] else "against the plan"
    return [[compared, *PLAN], *(_verdict(row) for row in verdicts(results))]


def _verdict(row: Verdict) -> list[str]:
    met = "met" if row.met else "NOT MET"
    return [row.figure, row.before, row.after, row.ratio, row.promise, row.aim, met]


def times(results: dict[str, Any]) -> Rows:
    return [TIMES, *(
        [name, side, *(milliseconds(figures[key]) for key in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")),
         str(figures["orders"]), number(figures["calls"]), str(figures["verified"]), number(figures["orders_per_s"]),
         str(figures["failed"]), str(figures["dropped"])]
        for name, side, figures in _lines(results)
    )]  # fmt: skip


def costs(results: dict[str, Any]) -> Rows:
    """Statements per request, and those of the request that places an order; CPU per order and per request."""
    return [COSTS, *(
        [name, side, number(figures["statements_per_request"]), number(figures["statements_per_order"]),
         percent(figures["no_sql_share"]), percent(figures["hit_rate"]), cpu(figures["web_cpu_s_per_order"]),
         cpu(figures["worker_cpu_s_per_order"]), cpu(figures["db_cpu_s_per_order"]), cpu(figures["cpu_s_per_request"]),
         f"{figures['peak_memory_mb']:.0f} MB"]
        for name, side, figures in _lines(results)
    )]  # fmt: skip


def parts(results: dict[str, Any]) -> Rows:
    lines = [line for line in _lines(results) if line[2]["components_ms"]]
    if not lines:
        return []
    components = list(lines[0][2]["components_ms"])
    rows = [
        [name, side, *(_part(figures["components_ms"], part) for part in components)] for name, side, figures in lines
    ]
    return [[*PARTS, *components], *rows]


def _part(parts_ms: dict[str, float], part: str) -> str:
    whole = sum(parts_ms.values())
    return f"{parts_ms[part]:,.0f} ms {100 * parts_ms[part] / whole:.0f} %" if whole else ""


def _lines(results: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(name, side, figures) for name, sides in results["scenarios"].items() for side, figures in sides.items()]


def aligned(rows: Rows) -> list[str]:
    """In columns: text aligned left, numbers right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = {place for place, heading in enumerate(rows[0]) if place == 0 or heading in WORDS}
    return [
        "  ".join(
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def markdown(rows: Rows) -> list[str]:
    heading, *body = rows
    rule = ["---" if place == 0 or name in WORDS else "---:" for place, name in enumerate(heading)]
    return [_row(heading), _row(rule), *map(_row, body)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
