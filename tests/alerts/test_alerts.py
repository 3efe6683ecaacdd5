"""Every alert, for real: its fault is on in a running shop until a webhook arrives, then off until the alert clears."""

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

import pytest
import yaml

from config.devstack.monitor import RULES
from tests.alerts import FULL, windows
from tests.alerts.faults import FAULTS, Stage
from tests.alerts.table import ROW, row_of
from tests.alerts.watch import Watch
from tests.support.traffic import under_load

# Some gauges are read once a minute, by each of two processes; a breaker stays open for half a minute.
LONGEST_SECONDS = 150
# The alerts of one Redis outage, which fire and clear quickly.
SHORT = ["CacheHitRateLow", "CheckoutLockErrors"]


def alerts(rules: str) -> dict[str, dict[str, str]]:
    return {
        rule["alert"]: rule for group in yaml.safe_load(rules)["groups"] for rule in group["rules"] if "alert" in rule
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [[name] for name in FAULTS] if FULL else [SHORT], ids="+".join)
def test_it_fires_on_its_fault_and_clears_afterwards(
    names: list[str], stage: Stage, watch: Watch, record_property: Callable[[str, object], None]
) -> None:
    faults = [FAULTS[name] for name in names]
    to_fire, to_clear = {}, {}
    loaded = any(fault.under_load for fault in faults)
    with under_load(stage.shop.url, stage.product.sku, 3) if loaded else nullcontext():
        with ExitStack() as switches:
            for fault in faults:
                switches.enter_context(fault.switched_on(stage))
            began = time.monotonic()
            for fault in faults:
                watch.wait_until_fires(fault.alert, LONGEST_SECONDS)
                to_fire[fault.alert] = time.monotonic() - began
        began = time.monotonic()
        for fault in faults:
            watch.wait_until_clear(fault.alert, LONGEST_SECONDS)
            to_clear[fault.alert] = time.monotonic() - began
    for fault in faults:
        row = row_of(fault.alert, fault.description, to_fire[fault.alert], to_clear[fault.alert])
        record_property(ROW, row)


def test_every_alert_has_a_fault() -> None:
    assert set(FAULTS) == set(alerts(RULES.read_text()))


def test_hurried_rules_have_the_same_expressions() -> None:
    """Only the durations differ."""
    real, hurried = alerts(RULES.read_text()), alerts(windows.hurried_rules())
    assert real["CacheHitRateLow"]["for"] == "5m" and hurried["CacheHitRateLow"]["for"] == "5s"
    for name, rule in real.items():
        timeless = windows.RANGE.sub("[]", " ".join(rule["expr"].split()))
        assert timeless == windows.RANGE.sub("[]", " ".join(hurried[name]["expr"].split()))
