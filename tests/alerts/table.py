"""The table at the end of `make alerts`: each alert, its fault, and the seconds until it fired and until it cleared.

Rows are passed by `record_property`, which also works with `pytest -n`. With ALERTS_PAGE set, the table of a complete
green run is written between the markers of that page.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.balance_table import put_into

ROW = "an alert that was seen"
_HEADINGS = ["alert", "fault", "fires after", "clears after"]


def row_of(alert: str, fault: str, to_fire: float, to_clear: float) -> list[str]:
    return [alert, fault, f"{to_fire:.0f} s", f"{to_clear:.0f} s"]


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    rows = _collect(terminalreporter)
    if not rows:
        return
    terminalreporter.section("alerts that fired and cleared")
    for row in rows:
        terminalreporter.write_line("  ".join(row))
    page = os.environ.get("ALERTS_PAGE")
    if page and exitstatus == 0 and not terminalreporter.config.option.keyword:
        put_into(Path(page), "\n".join([_note(), "", *_markdown(rows)]))


def _collect(terminalreporter: Any) -> list[list[str]]:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    properties = [row for report in reports if getattr(report, "when", "") == "call" for row in report.user_properties]
    return sorted(row for name, row in properties if name == ROW)


def _note() -> str:
    return f"Last full run: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, a minute as a second."


def _markdown(rows: list[list[str]]) -> list[str]:
    lines = [_HEADINGS, ["---", "---", "---:", "---:"], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
