"""Bar charts as SVG, in the colours of the page around them: `--before`, `--after`, `--text`, `--part-N`."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

WIDTH, LABEL, BAR, GAP, NUMBER = 680, 200, 18, 6, 90
STYLE = """
svg { --text: #1d2129; --faint: #6b7280; --before: #b0653a; --after: #0f766e; --part-0: #0f766e; --part-1: #2563eb;
  --part-2: #b45309; --part-3: #7c3aed; --part-4: #be185d; --part-5: #64748b }
@media (prefers-color-scheme: dark) { svg { --text: #e5e7eb; --faint: #9ca3af; --before: #e0925f; --after: #2dd4bf;
  --part-0: #2dd4bf; --part-1: #60a5fa; --part-2: #fbbf24; --part-3: #a78bfa; --part-4: #f472b6; --part-5: #94a3b8 } }
svg text { fill: var(--text); font: 13px system-ui, sans-serif }
svg .faint { fill: var(--faint) }
svg rect { rx: 2px }
"""


def bars(title: str, rows: Sequence[tuple[str, str, float, str]]) -> str:
    """One bar per row: its label, its colour (`before` or `after`), its length, and the text beside it."""
    longest = max((length for _, _, length, _ in rows), default=0) or 1
    drawn: list[str] = []
    for place, (label, colour, length, written) in enumerate(rows):
        y = place * (BAR + GAP) + 28
        width = max(1.0, length / longest * (WIDTH - LABEL - NUMBER))
        drawn += [
            _text(LABEL - 8, y + 14, label, anchor="end"),
            _bar(LABEL, y, width, colour, f"{label}: {written}"),
            _text(LABEL + width + 6, y + 14, written),
        ]
    return _svg(title, len(rows), drawn)


def stacks(title: str, rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """One stacked bar per row, and a legend."""
    longest = max((sum(parts.values()) for _, parts in rows), default=0) or 1
    names = list(rows[0][1]) if rows else []
    drawn: list[str] = []
    for place, (label, parts) in enumerate(rows):
        x, y = float(LABEL), place * (BAR + GAP) + 28
        drawn.append(_text(LABEL - 8, y + 14, label, anchor="end"))
        for number, (name, length) in enumerate(parts.items()):
            width = length / longest * (WIDTH - LABEL - NUMBER)
            drawn.append(_bar(x, y, width, f"part-{number}", f"{name}: {length:.0f} ms"))
            x += width
        drawn.append(_text(x + 6, y + 14, f"{sum(parts.values()):,.0f} ms"))
    return _svg(title, len(rows) + 1, [*drawn, *_legend(names, len(rows) * (BAR + GAP) + 28)])


def _legend(names: Iterable[str], y: float) -> list[str]:
    drawn, x = [], 8.0
    for number, name in enumerate(names):
        drawn += [_bar(x, y + 4, 10, f"part-{number}", name, 10), _text(x + 14, y + 14, name, faint=True)]
        x += 24 + 7.2 * len(name)
    return drawn


def _bar(x: float, y: float, width: float, colour: str, title: str, height: int = BAR) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" fill="var(--{colour})">'
        f"<title>{escape(title)}</title></rect>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", faint: bool = False) -> str:
    kind = ' class="faint"' if faint else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _svg(title: str, rows: int, drawn: Iterable[str]) -> str:
    height = 28 + rows * (BAR + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">\n<style>{STYLE}</style>\n<text x="0" y="14" font-weight="bold">'
        f"{escape(title)}</text>\n" + "\n".join(drawn) + "\n</svg>"
    )


def all_of(results: dict[str, Any]) -> dict[str, str]:
    """The charts of a run by name."""
    both = {name: sides for name, sides in results["scenarios"].items() if len(sides) == 2}
    lines = [(name, side, figures) for name, sides in both.items() for side, figures in sides.items()]

    def compared(title: str, key: str, unit: str, factor: float = 1.0, digits: int = 0) -> str:
        return bars(
            title,
            [
                (f"{name}, {side}", side, figures[key], f"{figures[key] * factor:,.{digits}f} {unit}".strip())
                for name, side, figures in lines
            ],
        )

    split = [(f"{name}, {side}", figures["components_ms"]) for name, side, figures in lines if figures["components_ms"]]
    return {
        "mean": compared("Mean time of a visit", "mean_ms", "ms"),
        "p95": compared("95th percentile", "p95_ms", "ms"),
        "components": stacks("Where the time of a mean checkout went", split),
        "statements": compared("Statements per request", "statements_per_request", "", digits=1),
        "cpu": compared("CPU per request, web, worker and database", "cpu_s_per_request", "ms", 1000, 1),
    }
