"""An app's metrics belong to the app: a new metric, status, step or id is an edit in one place."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from cart.metrics import CartStep
from checkout.models import OrderStatus
from config.telemetry import logs, metrics
from payments.models import PaymentAttempt

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = ("cart", "checkout", "inventory", "payments", "shipping")
TOKEN = "for-scrapes"

PLANTED = """
from prometheus_client import Counter
from config.telemetry.metrics import at_scrape, gauge

gifts_wrapped = Counter("gifts_wrapped_total", "Gifts wrapped, by paper.", ["paper"])
gifts_wrapped.labels("plain")

@at_scrape(vital=True)
def gifts():
    yield gauge("gifts_waiting", "Gifts that wait for paper.", {(): 3.0})

@at_scrape()
def paper():
    yield gauge("paper_sheets", "Sheets left, by colour.", {("red",): 7.0}, ("colour",))
"""


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An app with PLANTED appended to its metrics.py."""
    name: str = request.param
    monkeypatch.setattr(metrics, "_readers", dict(metrics._readers))
    module = dict(vars(import_module(f"{name}.metrics")))
    exec(PLANTED, module)
    yield name
    REGISTRY.unregister(module["gifts_wrapped"])
    for reader in ("gifts", "paper"):
        metrics.read_errors.remove(f"{name}.{reader}")


@pytest.mark.django_db
def test_a_metric_is_added_in_one_app_alone(app: str, client: Client, settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    authorized = {"authorization": f"Bearer {TOKEN}"}
    scrape = client.get("/metrics", headers=authorized).content.decode().splitlines()
    for line in (
        'gifts_wrapped_total{paper="plain"} 0.0',
        "gifts_waiting 3.0",
        'paper_sheets{colour="red"} 7.0',
        f'metrics_read_errors_total{{reader="{app}.gifts"}} 0.0',
    ):
        assert line in scrape
    gauges = client.get("/health/full", headers=authorized).json()["gauges"]
    assert gauges["gifts_waiting"] == 3
    assert "paper_sheets" not in gauges, "It is not marked vital."


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_of_an_order_has_its_series(status: OrderStatus) -> None:
    assert REGISTRY.get_sample_value("orders_total", {"status": status.value}) is not None


@pytest.mark.parametrize("step", CartStep)
def test_every_step_of_a_cart_has_its_series(step: CartStep) -> None:
    assert REGISTRY.get_sample_value("cart_steps_total", {"step": step.value}) is not None


@pytest.mark.django_db
def test_every_status_of_an_unsettled_attempt_has_its_series() -> None:
    metrics.forget_scraped()
    assert set(metrics.scraped()["payment_attempts"]) == {status.value for status in PaymentAttempt.UNSETTLED}


@pytest.fixture(scope="module")
def started() -> set[str]:
    """The modules that a process has imported right after Django's setup."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import django, sys; django.setup(); print(*sys.modules)"],
        cwd=REPOSITORY, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("name", APPS)
def test_the_series_of_every_app_exist_from_the_start(name: str, started: set[str]) -> None:
    assert f"{name}.metrics" in started


def test_an_id_that_an_app_logs_is_known_only_to_it() -> None:
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, "Wrapped", None, None)
    configured = logs.configuration(as_json=True, level="INFO")
    with logs.about(request="r1"):
        logs.remember(gift=7)
        configured["filters"]["ids"]["()"]().filter(record)
    line = json.loads(logs.Json().format(record))
    assert list(line) == ["time", "level", "logger", "message", "request", "gift"]
    assert line["gift"] == "7"
