"""The plan's promises and our targets: per row, how it is read from the results and what limits it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.load.figures import change

Figures = Mapping[str, Any]
Form = Callable[[float], str]


def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    return f"{value:.1f}"


def cpu(value: float) -> str:
    """Seconds of CPU, as milliseconds."""
    return f"{1000 * value:.1f} ms"


# --- What may limit a target, read from the new shop's figures --------------------------------------------------------


def _parts(after: Figures) -> str:
    return _largest(after["components_ms"], milliseconds)


def _visits(after: Figures) -> str:
    """By kind of request, and the most such requests the machine could serve, including the work of the load itself."""
    spent = sum(after["cpu_s"].values())
    most = after["cores"] * after["requests"] / spent if spent else 0.0
    slowest = _largest(after["mean_ms_by_visit"], milliseconds)
    return f"{slowest}; {after['cores']} cores could do {most:.0f} of these a second, with k6 and all"


def _views(after: Figures) -> str:
    return "SQL is run by " + _largest(after["sql_by_view"], percent)


def _misses(after: Figures) -> str:
    return "missed are " + _largest(after["misses_by_name"], percent)


def _programs(after: Figures) -> str:
    return "whose CPU: " + _largest(after["cpu_s"], lambda seconds: f"{seconds:.1f} s")


def _largest(parts: Mapping[str, float], form: Form, most: int = 4) -> str:
    ordered = sorted(parts.items(), key=lambda part: -part[1])[:most]
    return ", ".join(f"{name} {form(value)}" for name, value in ordered if value)


# --- The rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Aim:
    """`by`: the relative change from the figure before (−0.75: a quarter is left; +0.60: 1.6 times as much). `least`,
    `most`: absolute bounds, whatever it was before."""

    figure: str
    scenario: str
    key: str
    form: Form
    why: Callable[[Figures], str]
    promise: str = ""
    by: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A row of the table; `why` says what limits a target that is not met."""

    figure: str
    before: str
    after: str
    ratio: str
    promise: str
    aim: str
    met: bool
    why: str


# What the plan promised of the old checkout, and what this shop has set itself.
AIMS = [
    Aim(figure="simple checkout, mean, eight calls", scenario="simple", key="mean_ms", form=milliseconds, why=_parts,
        promise="-50%", by=-0.51),
    Aim(figure="simple checkout, mean, few calls", scenario="simple, few calls", key="mean_ms", form=milliseconds,
        why=_parts, by=-0.54),
    Aim(figure="50 lines, mean, a call for each", scenario="fifty", key="mean_ms", form=milliseconds, why=_parts,
        promise="-47%", by=-0.80),
    Aim(figure="50 lines, mean, few calls", scenario="fifty, few calls", key="mean_ms", form=milliseconds, why=_parts,
        by=-0.88),
    Aim(figure="peak 100 req/s, p95", scenario="peak", key="p95_ms", form=milliseconds, why=_visits,
        promise="-60%", by=-0.90),
    Aim(figure="peak 100 req/s, p95", scenario="peak", key="p95_ms", form=milliseconds, why=_visits, most=1000),
    Aim(figure="peak 100 req/s, requests dropped", scenario="peak", key="dropped", form=number, why=_visits, most=0),
    Aim(figure="mean over the mix", scenario="peak", key="mean_ms", form=milliseconds, why=_visits,
        promise="-40%", by=-0.80),
    Aim(figure="requests answered with no SQL, mix", scenario="peak", key="no_sql_share", form=percent, why=_views,
        promise="80 %", least=0.85),
    Aim(figure="cache hit rate, warm, mix", scenario="peak", key="hit_rate", form=percent, why=_misses,
        promise="85 %", least=0.97),
    Aim(figure="CPU per order, web and worker", scenario="simple", key="web_cpu_s_per_order", form=cpu, why=_programs,
        promise="-30%", by=-0.38),
    Aim(figure="CPU per order, database", scenario="simple", key="db_cpu_s_per_order", form=cpu, why=_programs,
        promise="-30%", by=-0.36),
    Aim(figure="CPU per order of 50 lines, web and worker", scenario="fifty", key="web_cpu_s_per_order", form=cpu,
        why=_programs, promise="-30%", by=-0.75),
    Aim(figure="CPU per request, mix", scenario="peak", key="cpu_s_per_request", form=cpu, why=_programs,
        promise="-30%", by=-0.70),
]  # fmt: skip

# What this shop has set itself against an older checkout of its own.
SINCE_OLDER = [
    Aim(figure="guest checkouts by page, per second", scenario="pages", key="orders_per_s", form=number, why=_programs,
        by=0.60),
    Aim(figure="CPU of a cached read", scenario="browse", key="cpu_s_per_request", form=cpu, why=_programs, by=-0.50),
    Aim(figure="CPU per order, web and worker", scenario="simple", key="web_cpu_s_per_order", form=cpu, why=_programs,
        by=-0.38),
]  # fmt: skip


def verdicts(results: Mapping[str, Any]) -> list[Verdict]:
    """One row for each target that this run has measured."""
    cores = results["machine"]["cores"]
    found = [(aim, results["scenarios"].get(aim.scenario, {})) for aim in (SINCE_OLDER if results["before"] else AIMS)]
    return [
        _verdict(aim, sides["before"], {**sides["after"], "cores": cores})
        for aim, sides in found
        if sides.keys() >= {"before", "after"}
    ]


def _verdict(aim: Aim, before: Figures, after: Figures) -> Verdict:
    was, reached = _judged(before, aim.key), _judged(after, aim.key)
    changed = change(was, reached)
    if aim.by is not None:
        met, wanted = (changed >= aim.by if aim.by > 0 else changed <= aim.by), f"{aim.by:+.0%}"
    elif aim.least is not None:
        met, wanted = reached >= aim.least, f"≥ {aim.form(aim.least)}"
    else:
        most = aim.most or 0.0
        met, wanted = reached <= most, f"≤ {aim.form(most)}"
    return Verdict(
        figure=aim.figure,
        before=aim.form(was),
        after=aim.form(reached),
        ratio=f"{changed:+.0%}" if aim.by is not None else "",
        promise=aim.promise,
        aim=wanted,
        met=met,
        why="" if met else aim.why(after),
    )


def _judged(figures: Figures, key: str) -> float:
    """The median of the rounds; of what is counted, the sum."""
    return float(figures["medians"].get(key, figures[key]))
