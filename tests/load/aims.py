"""What the plan promised and what we aim for: one row each, and how it reads from the results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.load.figures import change

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """A row of the table. Numbers are in the unit that `form` writes; `met` is None where nothing was aimed at."""

    figure: str
    before: float | None
    after: float
    form: Callable[[float], str]
    ratio: str
    promise: str
    aim: str
    met: bool | None


def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    return f"{value:.1f}"


def seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms"


def verdicts(results: Results) -> list[Verdict]:
    """One row for each line of the plan that this run can speak about."""
    return [row for make in ROWS for row in [make(results["scenarios"])] if row is not None]


Row = Callable[[Results], Verdict | None]


def _less(figure: str, scenario: str, key: str, promise: float | None, aim: float, form: Callable[..., str]) -> Row:
    """A figure that should fall by `aim` (−0.75: to a quarter)."""

    def row(scenarios: Results) -> Verdict | None:
        sides = scenarios.get(scenario)
        if not sides or "before" not in sides:
            return None
        before, after = sides["before"][key], sides["after"][key]
        changed = change(before, after)
        promised = f"{promise:+.0%}" if promise is not None else ""
        return Verdict(figure, before, after, form, f"{changed:+.0%}", promised, f"{aim:+.0%}", changed <= aim)

    return row


def _at_least(figure: str, scenario: str, key: str, promise: str, aim: float, form: Callable[..., str]) -> Row:
    """A figure of the new shop that should reach `aim`."""

    def row(scenarios: Results) -> Verdict | None:
        sides = scenarios.get(scenario)
        if not sides:
            return None
        before, after = sides.get("before", {}).get(key), sides["after"][key]
        return Verdict(figure, before, after, form, "", promise, form(aim), after >= aim)

    return row


def _at_most(figure: str, scenario: str, key: str, promise: str, aim: float, form: Callable[..., str]) -> Row:
    def row(scenarios: Results) -> Verdict | None:
        sides = scenarios.get(scenario)
        if not sides:
            return None
        before, after = sides.get("before", {}).get(key), sides["after"][key]
        return Verdict(figure, before, after, form, "", promise, f"≤ {form(aim)}", after <= aim)

    return row


ROWS: list[Row] = [
    _less("simple checkout, mean", "simple", "mean_ms", -0.50, -0.75, milliseconds),
    _less("50 lines, mean", "fifty", "mean_ms", -0.47, -0.90, milliseconds),
    _less("50 lines, mean, no outside latency", "fifty, no latency", "mean_ms", None, -0.90, milliseconds),
    _less("peak 100 req/s, p95", "peak", "p95_ms", -0.60, -0.90, milliseconds),
    _at_most("peak 100 req/s, p95", "peak", "p95_ms", "", 1000, milliseconds),
    _at_most("peak 100 req/s, requests dropped", "peak", "dropped", "", 0, number),
    _less("mean over the mix", "peak", "mean_ms", -0.40, -0.80, milliseconds),
    _at_least("requests answered with no SQL, mix", "peak", "no_sql_share", "80 %", 0.90, percent),
    _at_least("cache hit rate, warm, mix", "peak", "hit_rate", "85 %", 0.97, percent),
    _less("CPU per order, web and worker", "simple", "web_cpu_s_per_order", -0.30, -0.75, seconds),
    _less("CPU per order, database", "simple", "db_cpu_s_per_order", -0.30, -0.75, seconds),
    _less("CPU per request, mix", "peak", "cpu_s_per_request", -0.30, -0.75, seconds),
    _at_least("guest checkouts by page, per second", "pages", "orders_per_s", "", 50, number),
]
