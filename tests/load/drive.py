"""The load, by k6: one run of a script against one side, and the records it wrote."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.load.scenarios import Scenario

SCRIPTS = Path(__file__).parent / "k6"
K6 = Path(sys.executable).with_name("k6")


class LoadFailed(Exception):
    """k6 itself failed."""


@dataclass(frozen=True)
class Record:
    """One visit: a whole checkout, or one request of the mix. Times in milliseconds; `parts` breaks them down."""

    what: str
    began: float
    ended: float
    ms: float
    ok: bool
    order: str = ""
    lines: int = 0
    calls: int = 0
    parts: dict[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Driven:
    records: list[Record]
    dropped: int

    @property
    def seconds(self) -> float:
        """From the first call to the last answer."""
        if not self.records:
            return 0.0
        return (max(record.ended for record in self.records) - min(record.began for record in self.records)) / 1000


def drive(scenario: Scenario, url: str, goods: Path, folder: Path, *, first_order: int = 0) -> Driven:
    """Run it to its end. Raises LoadFailed."""
    console, summary = folder / "k6.records", folder / "k6.summary.json"
    console.unlink(missing_ok=True)
    settings: dict[str, Any] = {"BASE": url, "GOODS": goods, "FIRST_ORDER": first_order, **scenario.settings}
    if scenario.seconds is not None:
        settings["SECONDS"] = scenario.seconds
    command = [
        str(K6), "run", "--quiet", "--no-usage-report", "--no-color", "--log-format", "raw",
        "--console-output", str(console), "--summary-export", str(summary), "--no-thresholds",
        *(part for name, value in settings.items() for part in ("-e", f"{name}={value}")),
        str(SCRIPTS / scenario.script),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not console.exists():
        raise LoadFailed(f"{scenario.name}: k6 ended with {done.returncode}.\n{done.stderr[-3000:]}")
    return Driven(list(_read(console)), _dropped(summary))


def _read(console: Path) -> Iterator[Record]:
    for line in console.read_text().splitlines():
        if line.startswith("{"):
            yield Record(**json.loads(line))


def _dropped(summary: Path) -> int:
    metrics = json.loads(summary.read_text())["metrics"]
    return int(metrics.get("dropped_iterations", {}).get("count", 0))
