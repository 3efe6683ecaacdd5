"""Prometheus and Alertmanager beside a running demo, with the rules and routes of deploy/ and local addresses."""

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
    """The ports of Prometheus, Alertmanager, and the alert receiver that stands in for a pager."""

    prometheus: int
    alertmanager: int
    pager: int


def run() -> int:
    """Watch the demo on the chosen data folder until stopped. Returns the exit code. Raises CannotStart."""
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
    lease = process_group.take_or_refuse("monitor", data, "It watches this demo already.")
    process_locks.reclaim(data.leases)
    _refuse_taken_ports(at)
    shop = honcho.environ.parse(demo.servers_env.read_text())
    write_configuration(data.root, shop["SITE_URL"], shop["METRICS_TOKEN"], at)
    _announce(shop, at)
    lines = process_group.lines_of(_DEPLOY / "monitor.Procfile")
    with _registered_with_shop(demo, f"http://{ports.HOST}:{at.alertmanager}"):
        return process_group.run(lines, _line_environment(data, at), data, lease, unprefixed="alert-receiver")


def write_configuration(folder: Path, shop: str, token: str, at: Addresses, *, rules: Path = RULES) -> None:
    """Write prometheus.yml, alertmanager.yml and the token: those of deploy/, with local addresses."""
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
def _registered_with_shop(demo: DataFolder, alertmanager: str) -> Iterator[None]:
    """Inside, the admin's home page queries this Alertmanager for firing alerts."""
    _set_alertmanager(demo, {"ALERTMANAGER_URL": alertmanager})
    try:
        yield
    finally:
        _set_alertmanager(demo, {})


def _set_alertmanager(demo: DataFolder, alertmanager: dict[str, str]) -> None:
    """Add the address to servers.env, or remove it, and have a running web server reload."""
    shop = honcho.environ.parse(demo.servers_env.read_text())
    shop.pop("ALERTMANAGER_URL", None)
    environment.write_servers_env(demo, shop | alertmanager)
    web = process_locks.holder(demo.leases, "web")
    if web and _answers(shop["SITE_URL"]):
        with suppress(ProcessLookupError):
            os.kill(web, signal.SIGHUP)  # gunicorn's master: new workers take over, the old ones finish their requests


def _answers(shop: str) -> bool:
    try:
        urllib.request.urlopen(f"{shop}/health/live", timeout=5).close()  # noqa: S310 (our own http address)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def alertmanager_program() -> str:
    """Debian's name for it is prometheus-alertmanager."""
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
        f"  Firing alerts: the home page of {shop['SITE_URL']}/admin/, or\n"
        f"    amtool alert --alertmanager.url=http://{ports.HOST}:{at.alertmanager}\n"
        "  Alerts that fire or resolve are printed here. To make the payment provider slow, and fast again:\n"
        f'    curl {faults} -d \'{{"kind": "slow", "latency_ms": 1500}}\'\n'
        f"    curl -X DELETE {faults}\n"
        "  Ctrl-C stops the monitor; the shop keeps running.\n",
        flush=True,
    )
