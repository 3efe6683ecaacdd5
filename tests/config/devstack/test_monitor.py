"""`make monitor` from a user's view: it scrapes a shop, prints alerts, stops, and explains why it cannot start."""

import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

from config.devstack import environment, ports, process_locks
from config.devstack.data import PROJECT
from tests.config.devstack.test_demo import clean_environment
from tests.support.ending import end
from tests.support.prometheus import missing
from tests.support.waiting import eventually

TOKEN = "a-token-for-prometheus"
FIRING = "FIRING   StockOversold (to the pager)"


@contextmanager
def oversold_shop(data):
    """A demo whose web server reports oversold stock; its other processes are not needed here."""
    port, demo = ports.choose(), process_locks.take(data.root, "demo")
    shop = f"http://127.0.0.1:{port}"
    known = {"SITE_URL": shop, "METRICS_TOKEN": TOKEN, "STRIPE_API_BASE": "http://127.0.0.1:9", "SECRET_KEY": "x" * 50}
    environment.write_servers_env(data, known | {"ESTEIRA_DEMO": "1", "DATABASE_URL": "postgres://127.0.0.1:9/none"})
    web = subprocess.Popen(
        [sys.executable, "-m", "config.devstack", "become", "web", "gunicorn",
         "tests.config.devstack.oversold_shop:application", "--bind", f"127.0.0.1:{port}",
         "--workers", "2", "--no-control-socket"],
        cwd=PROJECT, env=environment.process_environment(data, clean_environment(data, port)),
        stdout=(data.root / "web").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        eventually(lambda: alertmanager_seen_by(shop) == "", 60)
        yield shop
    finally:
        end(web)
        demo.release()


def alertmanager_seen_by(shop):
    """The Alertmanager address in the settings of the shop's web server, or None while it is down."""
    try:
        with urllib.request.urlopen(f"{shop}/alertmanager", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def start(data, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", "config.devstack", "monitor"],
        cwd=PROJECT, env={**clean_environment(data, 8000), **variables},
        stdout=(data.root / "output").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def test_it_prints_a_running_demos_alerts_and_ends_with_ctrl_c(data):
    assert not missing(), "`make test` installs Prometheus and Alertmanager."
    chosen = {f"{name}_PORT": str(ports.choose()) for name in ("PROMETHEUS", "ALERTMANAGER", "PAGER")}
    with oversold_shop(data) as shop:
        process = start(data, **chosen)
        output = data.root / "output"
        eventually(lambda: FIRING in output.read_text() or process.poll() is not None, 100)
        assert FIRING in output.read_text(), output.read_text()
        assert alertmanager_seen_by(shop) == f"http://127.0.0.1:{chosen['ALERTMANAGER_PORT']}"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in {0, -signal.SIGINT, 128 + signal.SIGINT}
        eventually(lambda: alertmanager_seen_by(shop) == "")
    names = [path.stem for path in (data.root / "monitor" / "run").glob("*.lease")]
    assert set(names) == {"prometheus", "alertmanager", "alert-receiver"}
    assert all(process_locks.holder(data.root / "monitor" / "run", name) is None for name in names)
    assert all(ports.is_free(int(port)) for port in chosen.values())


def test_without_a_demo_it_explains_what_to_do(data):
    process = start(data)
    assert process.wait(30) == 1
    assert "Open one first, in another window: make demo" in (data.root / "output").read_text()
