"""The table at the end of a run: per fault, the number of runs and the balance of money and stock afterwards.

Tests add rows with `record_property`, so that those of `pytest -n` workers arrive as well.
With FAULTS_PAGE set, a complete green run also writes the table between the markers of that page.
"""

import os
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.balance import NUMBERS, Balance

ROW = "balance of a fault"
BEGIN, END = "<!-- table of the last run: begin -->", "<!-- end -->"
HEADINGS = [
    "fault",
    "runs",
    "captured",
    "refunded",
    "disputed",
    "paid",
    "at start",
    "sold",
    "held",
    "free",
    "orders",
    "mails",
    "",
]
MONEY = {"captured", "refunded", "disputed", "paid"}


def row_of(fault: str, runs: int, balance: Balance) -> dict[str, Any]:
    return {"fault": fault, "runs": runs, **balance.document()}


def pytest_configure() -> None:
    """Share one seed between all processes of this run."""
    os.environ.setdefault("NOISE_SEED", str(random.SystemRandom().randrange(10**9)))


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    rows = _collect(terminalreporter)
    if not rows:
        return
    terminalreporter.section("balance of money and stock after each fault")
    terminalreporter.write_line(f"NOISE_SEED={os.environ['NOISE_SEED']}")
    for line in _aligned(rows):
        terminalreporter.write_line(line)
    page = os.environ.get("FAULTS_PAGE")
    is_complete = exitstatus == 0 and not terminalreporter.config.option.keyword
    if page and is_complete:
        _write(Path(page), rows)


def _collect(terminalreporter: Any) -> list[dict[str, Any]]:
    """Rows summed up by fault, sorted by name."""
    sums: dict[str, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(["runs", *NUMBERS], 0) | {"problems": 0})
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "call":
                continue
            for name, row in getattr(report, "user_properties", []):
                if name == ROW:
                    total = sums[row["fault"]]
                    for number in ["runs", *NUMBERS]:
                        total[number] += row[number]
                    total["problems"] += len(row["problems"])
    return [{"fault": fault, **row} for fault, row in sorted(sums.items())]


def _cells(row: dict[str, Any]) -> list[str]:
    numbers = [f"{row[name] / 100:.2f}" if name in MONEY else str(row[name]) for name in NUMBERS]
    return [row["fault"], str(row["runs"]), *numbers, "in balance" if not row["problems"] else "NOT IN BALANCE"]


def _aligned(rows: list[dict[str, Any]]) -> list[str]:
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths, range(len(line)))) for line in lines]


def _padded(cell: str, width: int, place: int) -> str:
    return cell.rjust(width) if 0 < place < len(HEADINGS) - 1 else cell.ljust(width)


def put_into(page: Path, table: str) -> None:
    """Replace the text between the page's markers."""
    head, rest = page.read_text().split(BEGIN)
    tail = rest.split(END, 1)[1]
    page.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}")


def _write(page: Path, rows: list[dict[str, Any]]) -> None:
    table = ["| " + " | ".join(HEADINGS) + " |", "| --- " + "| ---: " * (len(HEADINGS) - 2) + "| --- |"]
    table += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    seed = os.environ["NOISE_SEED"]
    note = f"Last full run: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, NOISE_SEED={seed}; BRL."
    put_into(page, "\n".join([note, "", *table]))
