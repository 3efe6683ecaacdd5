"""A running shop, and its Prometheus and Alertmanager."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.faults import Stage
from tests.alerts.watch import Watch, watching
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.sandbox import Sandbox
from tests.support.shop import METRICS_TOKEN, running


@pytest.fixture
def stage(tmp_path: Path, sandbox: Sandbox) -> Iterator[Stage]:
    """A shop with worker and beat that has made a sale."""
    flat_shipping()
    mails = MailSink()
    mails.start()
    with running(tmp_path, sandbox, mails) as shop:
        opened = Stage(shop, sandbox, ProductFactory(stock=10_000), shop.start_worker())
        shop.start_beat()
        assert opened.buy() == 201
        yield opened
    mails.stop()


@pytest.fixture
def watch(tmp_path: Path, stage: Stage) -> Iterator[Watch]:
    with watching(tmp_path / "watch", stage.shop.url, METRICS_TOKEN) as watch:
        yield watch
