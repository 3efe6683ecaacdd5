"""Builds the Dockerfile, runs what came of it on the servers of the tests, and buys."""

import contextlib
import os
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from cart import services as carts
from checkout.models import Order
from config.devstack import ports
from tests.deploy.test_graceful_stop import add_to_cart, wait_until_blocked
from tests.image.engine import Engine, engine
from tests.support import image
from tests.support.factories.cart import flat_shipping
from tests.support.factories.inventory import ProductFactory
from tests.support.processes import database_url
from tests.support.sandbox import Sandbox
from tests.support.traffic import buy

pytestmark = pytest.mark.django_db(transaction=True)

# What an image must not know: where its packages came from, and how this machine reaches them.
PIP_FILES = {"pip.conf", "pip.ini", ".netrc", "uv.toml", ".pypirc", "direct_url.json"}


class Built:
    def __init__(self, made: Engine) -> None:
        self.engine = made
        self.log = made.build()
        self.files = made.files()

    def variables(self, **more: str) -> dict[str, str]:
        ours = image.environment(HTTPS="0", RATE_LIMITS="off", **more)
        return {name: value for name, value in ours.items() if name not in ("PATH", "HOME", "TMPDIR", "ESTEIRA_DATA")}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = self.engine.command(words, self.variables())
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def built(django_db_setup: None) -> Built:
    return Built(engine())


@contextlib.contextmanager
def serving(built: Built, folder: Path, **more: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]", Path]]:
    """The image's own command, on a free port; its address, process and log."""
    port = ports.choose()
    command = [str(word).replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in built.engine.settings()["Cmd"]]  # type: ignore[attr-defined]
    log = folder / "web.log"
    with image.running(built.engine.command(command, built.variables(**more)), dict(os.environ), log) as process:
        image.wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}", process, log


def test_it_runs_as_its_user_and_writes_nowhere(built: Built) -> None:
    assert built.run("id", "-u").stdout.strip() == "10001"
    for place in ("/app/x", "/opt/esteira/x", "/etc/x"):
        assert "Read-only file system" in built.run("touch", place).stderr
    assert built.run("touch", "/tmp/x").returncode == 0


def test_its_other_commands_start(built: Built) -> None:
    checked = built.run("python", "manage.py", "migrate", "--check")
    assert checked.returncode == 0, checked.stderr
    for name in ("worker", "beat"):
        assert built.run("celery", "-A", "config", name, "--help").returncode == 0


def test_a_shopper_buys_and_a_stop_loses_nothing(built: Built, tmp_path: Path, sandbox: Sandbox) -> None:
    flat_shipping()
    product = ProductFactory(sku="SKU-stop", stock=10)
    provider = {
        "STRIPE_API_BASE": sandbox.base_url, "STRIPE_SECRET_KEY": sandbox.secret_key,
        "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key, "STRIPE_WEBHOOK_SECRET": sandbox.webhook_secret,
    }  # fmt: skip
    cart, answers = carts.create_cart().id, list[int]()
    with (
        serving(built, tmp_path, **provider) as (url, web, log),
        psycopg.connect(database_url()) as holder,
        psycopg.connect(database_url(), autocommit=True) as watcher,
    ):
        bought = buy(url, product.sku)
        assert bought[-1].status == 201, bought
        assert Order.objects.get().status == "paid"
        for method in ("GET", "HEAD"):
            # Production's own pages, with the static files that the image has collected.
            with urllib.request.urlopen(urllib.request.Request(f"{url}/help/", method=method), timeout=20) as page:
                assert page.status == 200
        holder.execute("SELECT 1 FROM cart_cart FOR UPDATE")
        shopper = threading.Thread(target=add_to_cart, args=(urlsplit(url).port, cart, answers))
        shopper.start()
        wait_until_blocked(watcher, 1)
        web.terminate()
        time.sleep(1)
        assert web.poll() is None
        holder.rollback()
        shopper.join()
        assert web.wait(30) == 0, log.read_text()
    assert answers == [201]
    lines = log.read_text()
    assert '"level": "warning"' not in lines, lines


def test_it_does_not_know_where_its_packages_came_from(built: Built) -> None:
    found = [path for path in built.files.rglob("*") if path.name in PIP_FILES and not path.is_symlink()]
    assert found == []
    kept = [str(entry) for entry in built.engine.settings()["Env"]]  # type: ignore[attr-defined]
    assert [entry for entry in kept if re.match(r"(PIP|UV)_\w*(INDEX|LINKS|CERT|PROXY)|\w+_proxy", entry, re.I)] == []
    dockerfile = (image.REPOSITORY / "Dockerfile").read_text()
    assert not re.search(r"index-url|find-links|trusted-host|https?://", dockerfile.replace("http://127.0.0.1", ""))
    assert not re.search(r"Looking in (indexes|links)|index-url|find-links|://[^/\s]*@", built.log)
    for address in addresses_of_indexes():
        assert address not in built.log
        for folder in ("app", "etc", "opt", "root", "home"):
            search = ["grep", "-rlF", "--", address, str(built.files / folder)]
            assert subprocess.run(search, capture_output=True, text=True, check=False).stdout == ""


def addresses_of_indexes() -> set[str]:
    """Where this machine is told to look for packages, apart from the public index."""
    told = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    told += "\n".join(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))
    hosts = {urlsplit(address).hostname for address in re.findall(r"https?://[^\s'\"]+", told)}
    return {host for host in hosts if host} - {"pypi.org", "files.pythonhosted.org"}
