"""The same shop on two web servers in turn: gunicorn as configured, and granian with as many processes and threads.

    .venv/bin/pip install granian
    .venv/bin/python -m tests.load.web_servers   # ROUNDS=3 by default, about 5 minutes

Load, stand-ins and measurement are those of `make bench`, whose folder is used.
"""

import os
import statistics
import sys
from collections import defaultdict

from tests.load import stand_ins
from tests.load.bench import Bench, fill, fresh_data, warm_up
from tests.load.figures import Round, summary
from tests.load.scenarios import Scenario
from tests.load.sides import Servers, Side

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SCENARIOS = [
    Scenario(
        name=name,
        script=script,
        latencies=stand_ins.NONE,
        settings=settings,
        seconds=12,
        rounds=ROUNDS,
        sides=("after",),
    )
    for name, script, settings in (
        ("browse", "browse.js", {"SHOPPERS": 8}),
        ("simple", "checkout.js", {"SHOPPERS": 8, "LINES": 1}),
        ("pages", "pages.js", {"SHOPPERS": 8}),
    )
]


class OnGranian(Side):
    @property
    def web_server(self) -> tuple[str, ...]:
        # An access log as gunicorn writes one; the metrics folder is made by gunicorn's configuration.
        self.metrics.mkdir(exist_ok=True)
        return (
            "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", "--access-log",
            "--host", "127.0.0.1", "--port", str(self.port), "config.wsgi:application",
        )  # fmt: skip


SERVERS: dict[str, type[Side]] = {"gunicorn": Side, "granian": OnGranian}


def main() -> None:
    data = fresh_data()
    servers = Servers(data)
    found: dict[tuple[str, str], list[Round]] = defaultdict(list)
    with servers.running(), stand_ins.running(data.root) as stand:
        stand.take(stand_ins.NONE)
        goods = data.root / "goods.json"
        fill(Side("after", servers, stand, data), goods, 1)
        for number in range(ROUNDS):
            for name in sorted(SERVERS, reverse=number % 2 == 0):
                side = SERVERS[name]("after", servers, stand, data)
                with side.running():
                    warm_up({"after": side}, goods)
                    bench = Bench(servers, stand, {"after": side}, data.root)
                    for scenario in SCENARIOS:
                        found[scenario.name, name].append(bench.round(scenario, side))
    for scenario in SCENARIOS:
        for name in SERVERS:
            report(scenario.name, name, found[scenario.name, name])


def report(scenario: str, server: str, rounds: list[Round]) -> None:
    figures = summary(rounds)
    by_round = [one.cost.web / one.counts["requests"] * 1000 for one in rounds]
    sys.stdout.write(
        f"{scenario:8} {server:9} mean {figures['mean_ms']:6.1f} ms, p95 {figures['p95_ms']:6.1f} ms, "
        f"{figures['visits_per_s']:6.1f}/s, failed {figures['failed']}, CPU of web a request "
        f"{statistics.mean(by_round):.2f} ms ({', '.join(f'{one:.2f}' for one in by_round)}), "
        f"memory {figures['peak_memory_mb']:.0f} MB\n"
    )


if __name__ == "__main__":
    main()
