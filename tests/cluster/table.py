"""The table of the drill: a row per server killed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from tests.cluster.apps import Purchase
from tests.support.balance_table import BEGIN, END

HEADINGS = [
    "killed", "orders", "repeated", "given up", "no order for", "slowest order", "no order at its return",
    "books at rest after", "lost", "",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What apps saw. In seconds: `pause` is the longest time without an order after the kill, `back` the same after
    the restart."""

    killed: str
    orders: int
    repeated: int
    given_up: int
    pause: float
    slowest: float
    back: float
    rest: float
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, killed: str, purchases: Sequence[Purchase], struck: float, restored: float, rest: float) -> "Row":
        felt = [purchase for purchase in purchases if purchase.ended > struck]
        bought = [purchase for purchase in felt if purchase.number]
        return cls(
            killed=killed,
            orders=len(bought),
            repeated=sum(1 for purchase in bought if purchase.repeats),
            given_up=len(felt) - len(bought),
            pause=_longest_pause([struck, *(each.ended for each in bought if each.ended < restored), restored]),
            slowest=max(purchase.seconds for purchase in felt),
            back=_longest_pause([restored, *(each.ended for each in bought if each.ended >= restored)]),
            rest=rest,
            problems=tuple(f"{killed}: gave up: {each.refusal}" for each in felt if not each.number),
        )

    def with_problems(self, problems: Sequence[str]) -> "Row":
        return replace(self, problems=(*self.problems, *(f"{self.killed}: {problem}" for problem in problems)))


def _longest_pause(moments: Sequence[float]) -> float:
    return max((after - before for before, after in pairwise(sorted(moments))), default=0.0)


def _cells(row: Row) -> list[str]:
    lost = sum("is lost" in problem for problem in row.problems)
    seconds = [f"{value:.1f} s" for value in (row.pause, row.slowest, row.back)]
    counts = [str(row.orders), str(row.repeated), str(row.given_up)]
    verdict = "in balance" if not row.problems else "NOT KEPT"
    return [row.killed, *counts, *seconds, f"{row.rest:.0f} s", str(lost), verdict]


def aligned(rows: Sequence[Row]) -> list[str]:
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def write(page: Path, rows: Sequence[Row]) -> None:
    """Write the table between the page's markers."""
    head, rest = page.read_text().split(BEGIN)
    tail = rest.split(END, 1)[1]
    lines = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 2), "---"], *(_cells(row) for row in rows)]
    note = f"Last run: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, all of it on one machine of {os.cpu_count()} cores."
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    page.write_text(f"{head}{BEGIN}\n{note}\n\n{body}\n{END}{tail}")
