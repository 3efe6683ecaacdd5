"""bench/report.html: one self-contained file, for a phone or a wide screen, light or dark."""

from html import escape
from typing import Any

from tests.load import charts, table
from tests.load.report import hindrances, remarks
from tests.load.table import Rows

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1d2129; --line: #d8dce3; --good: #0f766e; --bad: #b42318 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171c; --text: #e5e7eb; --line: #353b46; --good: #2dd4bf; --bad: #ff8a7a } }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem; white-space: nowrap }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child, .words { text-align: left }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: bold }
figure { margin: 1rem 0; overflow-x: auto } svg { width: 100%; min-width: 34rem; max-width: 48rem; height: auto }
"""
CHAPTERS = (
    ("Judged", table.plan),
    ("Times", table.times),
    ("Costs", table.costs),
    ("Where a mean checkout's time went", table.parts),
)


def html(results: dict[str, Any]) -> str:
    intro = "".join(f"<p>{escape(remark)}</p>\n" for remark in remarks(results))
    drawn = "".join(f"<figure>{chart}</figure>\n" for chart in charts.all_of(results).values())
    chapters = "".join(
        f"<h2>{escape(title)}</h2>\n{_table(rows)}\n" for title, make in CHAPTERS if (rows := make(results))
    )
    ways = "".join(f"<li>{escape(hindrance)}</li>\n" for hindrance in hindrances(results))
    hindered = f"<h2>In the way of what is not met</h2>\n<ul>{ways}</ul>\n" if ways else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Esteira, before and after</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Esteira, before and after</h1>\n{intro}{chapters}{hindered}<h2>Drawn</h2>\n{drawn}</body>\n</html>\n"
    )


def _table(rows: Rows) -> str:
    heading, *body = rows
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in body)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


def _cell(text: str) -> str:
    kind = {"met": "good", "NOT MET": "bad", "before": "words", "after": "words"}.get(text, "")
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"
