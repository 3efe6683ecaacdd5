"""Prometheus and Alertmanager beside a running demo: the rules and routes of deploy/, at addresses of this machine."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import honcho.environ
import yaml

from config.devstack import environment, ports, process_group, process_locks
from config.devstack.data import PROJECT, DataFolder, write_private
from config.devstack.exceptions import CannotStart

_DEPLOY = PROJECT / "deploy"
RULES = _DEPLOY / "prometheus" / "alerts.yml"


@dataclass(frozen=True)
class Addresses:
    """The ports of the three: Prometheus, Alertmanager, and the pager that Alertmanager tells."""

    prometheus: int
    alertmanager: int
    pager: int


def run() -> int:
    """Watch the demo on the chosen data folder until told to stop; the exit code. Raises CannotStart."""
    if process_locks.under_make():
        process_locks.die_with_parent(signal.SIGTERM)
    demo = DataFolder.chosen()
    if process_locks.holder(demo.root, "demo") is None:
        raise CannotStart(f"No demo runs on {demo.root}. Open one first, in another window: make demo")
    at = Addresses(
        ports.chosen("PROMETHEUS_PORT", 9090), ports.chosen("ALERTMANAGER_PORT", 9093), ports.chosen("PAGER_PORT", 9094)
    )
    data = DataFolder(demo.root / "monitor")
    data.create()
    lease = process_group.be_the_only("monitor", data, "It watches this demo already.")
    process_locks.reclaim(data.leases)
    _refuse_taken_ports(at)
    shop = honcho.environ.parse(demo.servers_env.read_text())
    lay_down(data.root, shop["SITE_URL"], shop["METRICS_TOKEN"], at)
    _announce(shop, at)
    lines = process_group.lines_of(_DEPLOY / "monitor.Procfile")
    with _known_to_the_shop(demo, f"http://{ports.HOST}:{at.alertmanager}"):
        return process_group.run(lines, _line_environment(data, at), data, lease, spokesman="alert-receiver")


def lay_down(folder: Path, shop: str, token: str, at: Addresses, *, rules: Path = RULES) -> None:
    """Write prometheus.yml, alertmanager.yml and the token: what deploy/ says, with the addresses of this machine."""
    write_private(folder / "metrics-token", token)
    prometheus = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yml").read_text())
    prometheus["rule_files"] = [str(rules)]
    prometheus["alerting"]["alertmanagers"][0]["static_configs"] = _targets(f"{ports.HOST}:{at.alertmanager}")
    prometheus["scrape_configs"][0]["static_configs"] = _targets(urlsplit(shop).netloc)
    prometheus["scrape_configs"][0]["authorization"] = {"credentials_file": str(folder / "metrics-token")}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(prometheus))
    alertmanager = yaml.safe_load((_DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    for receiver in alertmanager["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"http://{ports.HOST}:{at.pager}/"
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager))


@contextmanager
def _known_to_the_shop(demo: DataFolder, alertmanager: str) -> Iterator[None]:
    """Inside, the home page of the shop's admin asks this Alertmanager what fires."""
    _tell_the_shop(demo, {"ALERTMANAGER_URL": alertmanager})
    try:
        yield
    finally:
        _tell_the_shop(demo, {})


def _tell_the_shop(demo: DataFolder, alertmanager: dict[str, str]) -> None:
    """Write the address beside the others, or take it away; have a web server that serves already read them anew."""
    shop = honcho.environ.parse(demo.servers_env.read_text())
    shop.pop("ALERTMANAGER_URL", None)
    environment.write_servers_env(demo, shop | alertmanager)
    web = process_locks.holder(demo.leases, "web")
    if web and _answers(shop["SITE_URL"]):
        with suppress(ProcessLookupError):
            os.kill(web, signal.SIGHUP)  # gunicorn's master: new workers take over, the old ones finish what they have


def _answers(shop: str) -> bool:
    try:
        urllib.request.urlopen(f"{shop}/health/live", timeout=5).close()  # noqa: S310 (our own http address)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def alertmanager_program() -> str:
    """Debian gives it a name of its own."""
    return next(filter(shutil.which, ("prometheus-alertmanager", "alertmanager")), "alertmanager")


def _targets(address: str) -> list[dict[str, Any]]:
    return [{"targets": [address]}]


def _refuse_taken_ports(at: Addresses) -> None:
    for name, port in vars(at).items():
        if not ports.is_free(port):
            variable = f"{name.upper()}_PORT"
            raise CannotStart(
                f"Port {port} on {ports.HOST} is taken by another program. "
                f"Stop that, or choose another port: make monitor {variable}={port + 100}"
            )


def _line_environment(data: DataFolder, at: Addresses) -> dict[str, str]:
    ours = {f"{name.upper()}_PORT": str(port) for name, port in vars(at).items()}
    return environment.process_environment(data, ours | {"ALERTMANAGER": alertmanager_program()})


def _announce(shop: dict[str, str], at: Addresses) -> None:
    faults = f"{shop['STRIPE_API_BASE']}/_sandbox/faults"
    print(
        f"\nWatching {shop['SITE_URL']}\n"
        f"  Graphs and alerts: http://{ports.HOST}:{at.prometheus}/\n"
        f"  What fires now: the home page of {shop['SITE_URL']}/admin/, or\n"
        f"    amtool alert --alertmanager.url=http://{ports.HOST}:{at.alertmanager}\n"
        "  Each alert that fires or clears becomes a line here. A slow provider, for one, and well again:\n"
        f'    curl {faults} -d \'{{"kind": "slow", "latency_ms": 1500}}\'\n'
        f"    curl -X DELETE {faults}\n"
        "  Ctrl-C stops everything; the shop goes on.\n",
        flush=True,
    )
