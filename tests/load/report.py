"""The report of a run, for the terminal and for docs/performance.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.load import charts, table
from tests.load.aims import verdicts

# The charts in the page.
DRAWN = {"mean": "Mean time of a visit", "components": "Where the time of a mean checkout went"}
BEGIN, END = "<!-- figures of the last run: begin -->", "<!-- end -->"


def text(results: dict[str, Any]) -> str:
    lines: list[str] = []
    for rows in (table.times(results), table.costs(results), table.parts(results), table.plan(results)):
        lines += ["", *table.aligned(rows)] if rows else []
    return "\n".join([*lines, "", *hindrances(results), "", *remarks(results)])


def hindrances(results: dict[str, Any]) -> list[str]:
    """What limits the targets that are not met, without duplicates."""
    hindered: dict[str, list[str]] = {}
    for row in verdicts(results):
        if not row.met:
            hindered.setdefault(row.why, []).append(f"{row.figure} ({row.after})")
    return [f"{'; '.join(figures)}: {why}" for why, figures in hindered.items()]


def remarks(results: dict[str, Any]) -> Iterator[str]:
    """What a reader must know to judge the figures."""
    yield conditions(results)
    disturbed = [
        f"{name} ({side}: {100 * figures['foreign_cpu_share']:.0f} %)"
        for name, sides in results["scenarios"].items()
        for side, figures in sides.items()
        if figures["disturbed"]
    ]
    if disturbed:
        yield f"DISTURBED: other programs took more than a tenth of the machine during {', '.join(disturbed)}."
    sold_twice = results["units_sold_twice"]
    yield f"Units sold twice: {sold_twice['before']} before, {sold_twice['after']} after."
    for problem in results["problems"]:
        yield f"PROBLEM: {problem}"


def conditions(results: dict[str, Any]) -> str:
    machine, latencies = results["machine"], results["latencies_ms"]
    loops = machine["fixed_loop_ms"]
    outside = ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in latencies.items())
    return (
        f"{'Quick run' if results['quick'] else 'Full run'} of {results['taken_at'][:16].replace('T', ' ')} UTC, "
        f"{machine['cores']} cores for everything, k6 included; {outside}; no latency where it says so. "
        f"This machine took {min(loops):.0f} to {max(loops):.0f} ms for a fixed loop between the scenarios. "
        "What is judged is the median of the rounds."
    )


def write(path: Path, results: dict[str, Any]) -> None:
    """Write the tables of this run between the markers of a page, and its charts beside the page."""
    head, rest = path.read_text().split(BEGIN)
    tail = rest.split(END, 1)[1]
    lines: list[str] = []
    for rows in (table.plan(results), table.times(results), table.costs(results), table.parts(results)):
        lines += ["", *table.markdown(rows)] if rows else []
    ways = [f"- {hindrance}" for hindrance in hindrances(results)]
    intro = ["\n" + remark for remark in remarks(results)]
    drawn = charts.all_of(results)
    for name in DRAWN:
        path.with_name(f"{path.stem}-{name}.svg").write_text(drawn[name] + "\n")
    shown = [f"\n![{title}]({path.stem}-{name}.svg)" for name, title in DRAWN.items()]
    body = "\n".join([*intro, *shown, *lines, *(["\nIn the way of what is not met:\n", *ways] if ways else [])])
    path.write_text(f"{head}{BEGIN}\n{body}\n\n{END}{tail}")
