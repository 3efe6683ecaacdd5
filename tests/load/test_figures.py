"""The arithmetic of the bench, its table and its page; and that k6 can parse every script."""

import json
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.load import aims, page, report, sides, table
from tests.load.drive import K6, SCRIPTS, Driven, Record
from tests.load.figures import Round, change, components, percentile, summary
from tests.load.measure import Snapshot
from tests.load.scenarios import chosen

REPOSITORY = Path(__file__).resolve().parents[2]


def record(ms: float, *, ok: bool = True, order: str = "", **more: Any) -> Record:
    return Record(what="checkout", began=0, ended=ms, ms=ms, ok=ok, order=order, **more)


def a_round(records: list[Record], *, foreign: float = 0.0, **counts: float) -> Round:
    """Ten seconds on a machine on which other processes used `foreign` CPU seconds."""
    counters = Counter({name.replace("_", " "): value for name, value in counts.items()})
    cost = Snapshot(web=1.5, worker=0.5, database=1.0, ours=5.0, machine=5.0 + foreign)
    verified = sum(1 for one in records if one.order)
    return Round(Driven(records, dropped=1), verified, counters, cost, seconds=10.0, peak_megabytes=100.0)


@pytest.mark.parametrize(("part", "expected"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles(part: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], part) == expected


def test_the_percentile_of_nothing_and_of_one() -> None:
    assert percentile([], 0.95) == 0
    assert percentile([7.0], 0.01) == percentile([7.0], 0.99) == 7


def test_a_summary_adds_up_rounds() -> None:
    counters = {"requests": 10, "statements": 30, "requests_without_statements": 4}
    looked_up = {"cache_hit": 6, "cache_stale": 1, "cache_miss": 3}
    figures = summary(
        [
            a_round([record(100, order="A"), record(300, order="B")], **counters, **looked_up),
            a_round([record(200, order="C"), record(9000, ok=False)], **counters),
        ]
    )
    assert figures["mean_ms"] == 200
    assert (figures["p50_ms"], figures["p99_ms"]) == (200, 300)
    assert (figures["orders"], figures["verified"], figures["failed"], figures["dropped"]) == (3, 3, 1, 2)
    assert figures["statements_per_request"] == 3
    assert figures["no_sql_share"] == pytest.approx(0.4)
    assert figures["hit_rate"] == pytest.approx(0.7)
    assert figures["web_cpu_s_per_order"] == pytest.approx(4 / 3)
    assert figures["worker_cpu_s_per_order"] == pytest.approx(1 / 3)
    assert figures["cpu_s"] == {"web": 3, "worker": 1, "database": 2, "load": 4}
    assert figures["mean_ms_by_visit"] == {"checkout": 200}
    assert figures["db_cpu_s_per_order"] == pytest.approx(2 / 3)
    assert figures["orders_per_s"] == pytest.approx(3 / (0.3 + 9.0))


def test_what_is_judged_is_the_median_of_the_rounds() -> None:
    """One disturbed round moves the mean of all records, not the figure that is compared."""
    figures = summary([a_round([record(ms, order="A", calls=8)]) for ms in (100, 110, 900)])
    assert figures["mean_ms"] == 370
    assert figures["medians"]["mean_ms"] == 110
    assert (figures["rounds"], figures["calls"]) == (3, 8)


def test_every_judged_figure_has_three_rounds() -> None:
    judged = {aim.scenario for aim in (*aims.AIMS, *aims.SINCE_OLDER)}
    rounds = {scenario.name: scenario.rounds for scenario in chosen(quick=False, older_tree=True)}
    assert {name: rounds[name] for name in judged if rounds[name] < 3} == {}


def test_a_summary_of_nothing_divides_by_nothing() -> None:
    figures = summary([a_round([])])
    assert figures["mean_ms"] == figures["orders_per_s"] == figures["hit_rate"] == figures["web_cpu_s_per_order"] == 0


@pytest.mark.parametrize(("cores", "foreign", "disturbed"), [(2, 1.0, False), (2, 3.0, True), (4, 3.0, False)])
def test_a_round_is_disturbed_if_others_used_more_than_a_tenth(
    cores: int, foreign: float, disturbed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda: cores)
    figures = summary([a_round([record(1)]), a_round([record(1)], foreign=foreign)])
    assert figures["foreign_cpu_share"] == pytest.approx(foreign / 10 / cores)
    assert figures["disturbed"] is disturbed


def test_the_parts_of_a_checkout_add_up() -> None:
    """The stages timed by the shop are subtracted from the call timed by the load."""
    records = [record(1000, order="A", parts={"cart": 200, "shipping": 300, "place order": 450, "order page": 50})]
    after = components(records, Counter({"stage authorize": 0.3, "stage total": 0.4, "stage commit": 0.05}))
    assert after == {
        "cart": 200, "stock and order": pytest.approx(150), "payment": 300, "shipping": 300, "mail": 0,
        "order page": 50,
    }  # fmt: skip
    clocks = {"total": 0.44, "commit": 0.02, "authorize": 0.1, "settle": 0.02, "mail": 0.1, "shipping": 0.5}
    before = components(records, Counter({f"stage {name}": seconds for name, seconds in clocks.items()}))
    assert before["shipping"] == pytest.approx(300 + 200)
    assert before["stock and order"] == pytest.approx(450 - 100 - 100 - 200)
    assert sum(before.values()) == pytest.approx(1000)


def test_change() -> None:
    assert change(200, 50) == -0.75
    assert change(0, 50) == 0


@pytest.fixture
def results() -> dict[str, Any]:
    """The results of a run in which before is ten times after."""
    counters = {"requests": 10, "statements": 10, "requests_without_statements": 9.5, "cache_hit": 98, "cache_miss": 2}
    parts = {"cart": 50, "shipping": 20, "place order": 30}
    slow = summary([a_round([record(1000, order="A", parts=parts)], foreign=5, requests=10, statements=150)])
    fast = summary([a_round([record(100, order="A", parts=parts)], **counters)])
    scenarios = {scenario.name: {"before": slow, "after": fast} for scenario in chosen(quick=False)}
    scenarios["pages"].pop("before")
    return {
        "taken_at": "2026-11-25T12:00:00+00:00", "quick": False, "before": "",
        "machine": {"cores": 2, "memory_gb": 8, "fixed_loop_ms": [29.6, 31.2]},
        "latencies_ms": {"provider": 300, "carrier": 200, "mail": 150}, "scenarios": scenarios,
        "units_sold_twice": {"before": 3, "after": 0}, "problems": [],
    }  # fmt: skip


def test_each_row_of_the_plan_is_judged(results: dict[str, Any]) -> None:
    rows = {row.figure: row for row in aims.verdicts(results)}
    simple = rows["simple checkout, mean, eight calls"]
    assert (simple.ratio, simple.met, simple.why) == ("-90%", True, "")
    assert rows["cache hit rate, warm, mix"].met
    database = rows["CPU per order, database"]
    assert not database.met
    assert database.why == "whose CPU: load 2.0 s, web 1.5 s, database 1.0 s, worker 0.5 s"
    assert len(aims.verdicts(results)) == len(aims.AIMS)


def test_an_older_checkout_is_judged_by_its_own_rows(results: dict[str, Any]) -> None:
    """More orders a second is better, more CPU is not."""
    fast, slow = (results["scenarios"]["simple"][side] for side in ("after", "before"))
    results["before"] = "abc1234 of 2026-11-20"
    results["scenarios"]["pages"] = {"before": slow, "after": fast}
    rows = {row.figure: row for row in aims.verdicts(results)}
    assert len(rows) == len(aims.SINCE_OLDER)
    pages = rows["guest checkouts by page, per second"]
    assert (pages.before, pages.after, pages.ratio, pages.met) == ("1.0", "10.0", "+900%", True)
    assert not rows["CPU per order, web and worker"].met
    assert "against this shop at abc1234 of 2026-11-20" in report.text(results)
    results["scenarios"]["pages"] = {"before": fast, "after": slow}
    assert not {row.figure: row for row in aims.verdicts(results)}[pages.figure].met


def test_the_terminal_report_is_complete(results: dict[str, Any]) -> None:
    text = report.text(results)
    for expected in (
        "simple checkout, mean",
        "NOT MET",
        "This machine took 30 to 31 ms for a fixed loop",
        "DISTURBED",
        "Units sold twice: 3 before, 0 after.",
        "whose CPU",
    ):
        assert expected in text
    widths = {len(line) for line in table.aligned(table.times(results))}
    assert len(widths) == 1


def test_the_page_between_its_markers(results: dict[str, Any], tmp_path: Path) -> None:
    written = tmp_path / "performance.md"
    written.write_text(f"above\n{report.BEGIN}\nearlier figures\n{report.END}\nbelow\n")
    report.write(written, results)
    text = written.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "earlier figures" not in text
    for name in report.DRAWN:
        chart = written.with_name(f"performance-{name}.svg")
        assert f"]({chart.name})" in text
        assert chart.stat().st_size < 20_000
        ElementTree.parse(chart)
    assert "| simple checkout, mean, eight calls | 1,000 ms | 100 ms | -90% | -50% | -51% | met |" in text


def test_the_report_makes_no_requests(results: dict[str, Any]) -> None:
    class Addresses(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [f"{tag} {name}" for name, value in attrs if name in ("src", "href") and value]

    document = page.html(results)
    Addresses().feed(document)
    assert Addresses.found == []
    assert "url(" not in document
    assert document.count("<svg") == 5


def test_the_documentation_page_has_its_markers() -> None:
    text = (REPOSITORY / "docs" / "performance.md").read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1


@pytest.mark.parametrize("script", sorted({scenario.script for scenario in chosen(quick=False)}))
def test_k6_parses_the_script(script: str, tmp_path: Path) -> None:
    goods = tmp_path / "goods.json"
    goods.write_text(json.dumps({"products": [], "carts": {}}))
    values = {
        "BASE": "http://127.0.0.1:1",
        "GOODS": goods,
        "SHOPPERS": 3,
        "LINES": 1,
        "SECONDS": 5,
        "RATE": 7,
        "FEW_CALLS": 1,
    }
    settings = [part for name, value in values.items() for part in ("-e", f"{name}={value}")]
    done = subprocess.run([K6, "inspect", *settings, SCRIPTS / script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scenarios"]


def test_both_shops_run_like_the_demo() -> None:
    (web,) = (line for line in (REPOSITORY / "Procfile").read_text().splitlines() if line.startswith("web:"))
    for part in sides.WEB:
        assert f" {part}" in web
