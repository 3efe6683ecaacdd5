"""The variables through which the shop finds its servers. One that is already set in the environment wins."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import honcho.environ

from config.devstack import ports, process_locks
from config.devstack.data import DataFolder, write_private
from config.devstack.postgres import Postgres
from config.devstack.valkey import Valkey

# An embedded server runs where one of the variables that would replace it is missing.
_REPLACED_BY = {
    "postgres": ("DATABASE_URL",),
    "valkey": ("REDIS_URL", "CELERY_BROKER_URL"),
    "sandbox": ("STRIPE_API_BASE",),
    "carrier": ("MELHOR_ENVIO_API_BASE",),
}


def needed_servers(given: Mapping[str, str]) -> list[str]:
    """The embedded servers whose place nothing in the environment takes."""
    return [server for server, variables in _REPLACED_BY.items() if not all(map(given.get, variables))]


def addresses(data: DataFolder, given: Mapping[str, str]) -> dict[str, str]:
    """Where PostgreSQL and Valkey are, the broker in a database of its own; and the key that signs sessions.

    Chooses a port for each server that is needed: the former one, unless another program sits on it. So nothing of ours
    may be running.
    """
    needed = needed_servers(given)
    for server in needed:
        data.free_port(server)
    ours = {"SECRET_KEY": data.secret("django"), "ESTEIRA_DEMO": "1"}
    if "postgres" in needed:
        ours["DATABASE_URL"] = Postgres(data).url
    if "valkey" in needed:
        ours |= {"REDIS_URL": Valkey(data).url(0), "CELERY_BROKER_URL": Valkey(data).url(1)}
    return _given_first(ours, given)


def shop_addresses(data: DataFolder, given: Mapping[str, str], port: int) -> dict[str, str]:
    """`addresses`, and those of a shop on `port`: its own, its mail's, its payment provider's, its carrier's."""
    ours = {
        "SITE_URL": f"http://{ports.HOST}:{port}",
        "EMAIL_URL": f"filemail:///{data.mail}",
        "METRICS_TOKEN": data.secret("metrics"),
    }
    servers = addresses(data, given)
    if "sandbox" in needed_servers(given):
        sandbox = f"http://{ports.HOST}:{data.port('sandbox')}"
        ours |= {
            "STRIPE_API_BASE": sandbox,
            "STRIPE_JS_URL": f"{sandbox}/v3/",
            "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{data.secret('webhooks')}",
        }
    if "carrier" in needed_servers(given):
        ours |= {
            "MELHOR_ENVIO_API_BASE": f"http://{ports.HOST}:{data.port('carrier')}",
            "MELHOR_ENVIO_TOKEN": "any",
            "MELHOR_ENVIO_CONTACT": "demo@esteira.example",
        }
    return servers | _given_first(ours, given)


def watcher(data: DataFolder) -> dict[str, str]:
    """The Alertmanager of a `make monitor` that went on while the demo was away."""
    if process_locks.holder(data.root, "monitor") is None or not data.servers_env.exists():
        return {}
    known = honcho.environ.parse(data.servers_env.read_text()).get("ALERTMANAGER_URL")
    return {"ALERTMANAGER_URL": known} if known else {}


def write_servers_env(data: DataFolder, variables: Mapping[str, str]) -> None:
    """Tell every other process of this checkout (`manage.py` in a second terminal) where the servers are."""
    lines = ["# Written at each start of the demo: where its servers are. The environment wins over a line here."]
    lines += [f"{name}={value}" for name, value in variables.items()]
    write_private(data.servers_env, "\n".join(lines) + "\n")


def process_environment(data: DataFolder, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: ours beside the given one, and our own programs first."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **variables,
        "ESTEIRA_DATA": str(data.root),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def _given_first(ours: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name) or value for name, value in ours.items()}
