"""The primary dies: apps get a 503 with Retry-After, the operator promotes the standby, and no order is lost."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.devstack import ports
from config.devstack.data import DataFolder
from config.devstack.postgres import binary
from tests.cluster import postgreses
from tests.cluster.apps import App
from tests.cluster.pgbouncer import PgBouncer
from tests.cluster.postgreses import Postgreses
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.image import running, wait_for_port
from tests.support.processes import database_url, environment
from tests.support.sandbox import Sandbox
from tests.support.traffic import call

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "between-these-servers-alone"


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Postgreses]:
    with postgreses.running(tmp_path, PASSWORD) as started:
        yield started


@pytest.fixture
def pgbouncer(tmp_path: Path, databases: Postgreses) -> Iterator[PgBouncer]:
    server = PgBouncer(DataFolder(tmp_path / "pgbouncer"), databases)
    with (tmp_path / "pgbouncer.log").open("wb") as log, server.running(log=log):
        yield server


def copy_of_this_database(target: str) -> None:
    dump = subprocess.run([binary("pg_dump"), "--no-owner", database_url()], check=True, capture_output=True).stdout
    subprocess.run([binary("psql"), "--quiet", target], input=dump, check=True, capture_output=True)


@pytest.fixture
def web(tmp_path: Path, pgbouncer: PgBouncer, databases: Postgreses, sandbox: Sandbox) -> Iterator[str]:
    flat_shipping()
    ProductFactory(sku="MUG", stock=100)
    copy_of_this_database(databases.primary.url)
    port = ports.choose()
    variables = environment(
        sandbox, mail_port=1, DATABASE_URL=pgbouncer.url, DATABASE_REPLICA_URL=pgbouncer.standby_url,
        DATABASE_BEHIND_POOLER="1", DATABASE_POOL_SIZE="2",
    )  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    threads = ["--config", "python:config.gunicorn", "--threads", "2"]
    with running([*command, *threads], variables, tmp_path / "web.log") as process:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"


def test_orders_go_on_after_the_standby_was_promoted(web: str, pgbouncer: PgBouncer, databases: Postgreses) -> None:
    app = App(web, "MUG")
    before = app.buy()
    assert before.number, before.refusal
    with pytest.raises(AssertionError, match="Stop it first"):
        pgbouncer.promote_standby()
    databases.kill_primary()
    refused = call("POST", f"{web}/api/v1/carts/", {})
    assert (refused.status, refused.document["code"], refused.retry_after) == (503, "unavailable", "2")
    assert call("GET", f"{web}/health/ready").status == 503
    assert "The primary is at" in pgbouncer.promote_standby()
    after = app.buy()
    assert after.number, after.refusal
    paid = databases.primary.ask(
        "SELECT string_agg(number, ' ' ORDER BY placed_at) FROM checkout_order WHERE status = 'paid'"
    )
    assert paid == f"{before.number} {after.number}"
