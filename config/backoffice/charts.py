"""Small bar charts as SVG, drawn by the server: no script, no library, colours from the stylesheet."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP, MIN_HEIGHT = 280, 72, 4, 1.5


@dataclass(frozen=True)
class Bar:
    """One bar in chart units, from the top left; `label` is its tooltip."""

    x: float
    y: float
    width: float
    height: float
    label: str
    is_last: bool


def bars(values: Sequence[float], labels: Sequence[str]) -> list[Bar]:
    """A bar per value, the highest as tall as the chart. Any value but zero is visible."""
    if not values:
        return []
    top = max(values) or 1
    step = (WIDTH + GAP) / len(values)
    heights = [max(value / top * HEIGHT, MIN_HEIGHT) if value else 0.0 for value in values]
    return [
        Bar(round(place * step, 2), round(HEIGHT - height, 2), round(step - GAP, 2), round(height, 2), label,
            place == len(values) - 1)
        for place, (height, label) in enumerate(zip(heights, labels, strict=True))
    ]  # fmt: skip
