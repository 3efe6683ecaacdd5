"""The rules and routes of deploy/, hurried: the same expressions, with a minute scaled down to a second."""

import re
from typing import Any

import yaml

from config.devstack.monitor import RULES

_SECONDS = {"s": 1 / 60, "m": 1, "h": 60}
# A rate needs a few scrapes, one a second; some gauges are read only every five seconds.
_SHORTEST_RANGE = 10
RANGE = re.compile(r"\[(\d+)([smh])\]")


def hurried_rules() -> str:
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = RANGE.sub(
                lambda found: f"[{max(_hurried(*found.groups()), _SHORTEST_RANGE)}s]", rule["expr"]
            )
            if "for" in rule:
                rule["for"] = f"{_hurried(rule['for'][:-1], rule['for'][-1])}s"
    return yaml.safe_dump(rules, sort_keys=False)


def hurried_prometheus(configuration: dict[str, Any]) -> dict[str, Any]:
    every_second = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    return {**configuration, "global": every_second}


def hurried_routes(configuration: dict[str, Any]) -> dict[str, Any]:
    """The same receivers, without waiting to group notifications."""
    at_once = {"group_wait": "0s", "group_interval": "1s"}
    route = configuration["route"]
    return {**configuration, "route": {**route, **at_once, "routes": [{**way, **at_once} for way in route["routes"]]}}


def _hurried(number: str, unit: str) -> int:
    return max(1, round(int(number) * _SECONDS[unit]))
