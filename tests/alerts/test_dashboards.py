"""Grafana dashboards: the files match the code that builds them, and every panel shows data."""

import math
import time
from pathlib import Path

import pytest
from grafana_foundation_sdk.builders.dashboard import Dashboard

from config.celery import app as celery_app
from deploy.grafana.__main__ import FOLDER, documents
from deploy.grafana.boards import BOARDS
from tests.alerts.faults import Stage
from tests.alerts.watch import Watch
from tests.support.traffic import call, under_load

SECONDS_FOR_DATA = 60


def expressions() -> dict[str, str]:
    """The expressions of each panel, by dashboard and panel."""
    return {
        f"{name} / {panel.title} / {target.ref_id}": target.expr
        for name, build in BOARDS.items()
        for panel in build().build().panels
        for target in panel.targets
    }


def test_the_files_match_the_code() -> None:
    """`python -m deploy.grafana` writes them."""
    assert {path.name: path.read_text() for path in Path(FOLDER).iterdir()} == documents()


@pytest.mark.parametrize("build", BOARDS.values(), ids=BOARDS)
def test_panels_do_not_overlap(build) -> None:
    made: Dashboard = build()
    places = [(panel.grid_pos.x, panel.grid_pos.y) for panel in made.build().panels]
    assert len(places) == len(set(places)) and {x for x, _y in places} == {0, 12}


@pytest.mark.django_db(transaction=True)
def test_every_panel_shows_data_after_a_short_load(stage: Stage, watch: Watch) -> None:
    with celery_app.connection_for_write(stage.shop.broker_url) as connection:
        celery_app.send_task("checkout.tasks.sweep", connection=connection)
    unseen = expressions()
    assert len(unseen) > 40
    with under_load(stage.shop.url, stage.product.sku, 2) as load:
        load.wait_for(10)
        deadline = time.monotonic() + SECONDS_FOR_DATA
        while unseen and time.monotonic() < deadline:
            call("GET", f"{stage.shop.url}/api/v1/products/")
            unseen = {place: expression for place, expression in unseen.items() if not shows_data(watch, expression)}
    assert unseen == {}
    assert not shows_data(watch, "max(outbox_mesages)"), "An unknown metric must show no data."


def shows_data(watch: Watch, expression: str) -> bool:
    return any(math.isfinite(float(sample["value"][1])) for sample in watch.ask(expression))
