"""Small bar charts as SVG, drawn by the server: no script, no library, colours from the stylesheet."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP, LEAST = 280, 72, 4, 1.5


@dataclass(frozen=True)
class Bar:
    """One bar in the chart's own units, from the top left; `label` is what a pointer over it reads."""

    x: float
    y: float
    width: float
    height: float
    label: str
    is_last: bool


def bars(values: Sequence[float], labels: Sequence[str]) -> list[Bar]:
    """A bar for each value, the highest as high as the chart. What is not zero can be seen."""
    if not values:
        return []
    top = max(values) or 1
    step = (WIDTH + GAP) / len(values)
    heights = [max(value / top * HEIGHT, LEAST) if value else 0.0 for value in values]
    return [
        Bar(round(place * step, 2), round(HEIGHT - height, 2), round(step - GAP, 2), round(height, 2), label,
            place == len(values) - 1)
        for place, (height, label) in enumerate(zip(heights, labels, strict=True))
    ]  # fmt: skip
