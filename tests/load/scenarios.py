"""Which load runs, how long, and against which side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.load.sides import NAMES
from tests.load.stand_ins import NONE, REALISTIC, Latencies


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`script` runs with `settings`, for `seconds` if given, `rounds` times on each side in turn."""

    name: str
    script: str
    latencies: Latencies
    settings: Mapping[str, int] = field(default_factory=dict)
    seconds: int | None = None
    rounds: int
    sides: tuple[str, ...] = NAMES

    @property
    def orders_a_round(self) -> int:
        """Carts to prepare for a round: the mix checks out one per 20 requests, the other scripts fill their own."""
        return self.settings.get("RATE", 0) * (self.seconds or 0) // 20 + 1


def chosen(*, quick: bool, older_tree: bool = False) -> list[Scenario]:
    """All scenarios, at full length (under 25 minutes) or short (about 2, including everything else).

    The old checkout has no pages; an older tree of this shop does.
    """

    def length(full: int, small: int) -> int:
        return small if quick else full

    def whole(
        name: str, latencies: Latencies, shoppers: int, lines: int, seconds: int, *, few_calls: bool = False
    ) -> Scenario:
        settings = {"SHOPPERS": shoppers, "LINES": lines, "FEW_CALLS": int(few_calls)}
        rounds = length(3, 1)
        return Scenario(
            name=name,
            script="checkout.js",
            latencies=latencies,
            settings=settings,
            seconds=seconds,
            rounds=rounds,
        )

    def rush(name: str, latencies: Latencies) -> Scenario:
        settings = {"SHOPPERS": length(200, 50), "LINES": 1}
        return Scenario(
            name=name,
            script="checkout.js",
            latencies=latencies,
            settings=settings,
            rounds=length(2, 1),
        )

    def peak(name: str, latencies: Latencies, seconds: int, rounds: int) -> Scenario:
        return Scenario(
            name=name,
            script="peak.js",
            latencies=latencies,
            settings={"RATE": 100},
            seconds=seconds,
            rounds=rounds,
        )

    return [
        whole("simple", REALISTIC, 4, 1, length(15, 4)),
        whole("simple, few calls", REALISTIC, 4, 1, length(15, 4), few_calls=True),
        whole("fifty", REALISTIC, 2, 50, length(20, 4)),
        whole("fifty, few calls", REALISTIC, 2, 50, length(20, 4), few_calls=True),
        peak("peak", REALISTIC, length(45, 8), length(3, 1)),
        rush("rush", REALISTIC),
        Scenario(
            name="browse",
            script="browse.js",
            latencies=REALISTIC,
            settings={"SHOPPERS": 8},
            seconds=length(10, 3),
            rounds=length(3, 1),
        ),
        whole("simple, no latency", NONE, 8, 1, length(12, 3)),
        *([] if quick else [whole("fifty, no latency", NONE, 4, 50, 15), peak("peak, no latency", NONE, 30, 1)]),
        *([] if quick else [rush("rush, no latency", NONE)]),
        Scenario(
            name="pages",
            script="pages.js",
            latencies=NONE,
            settings={"SHOPPERS": 8},
            seconds=length(15, 4),
            rounds=length(3, 1),
            sides=NAMES if older_tree else ("after",),
        ),
    ]
