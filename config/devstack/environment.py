"""The variables that point the shop to its servers. One that is already set in the environment wins."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import honcho.environ

from config.devstack import ports, process_locks
from config.devstack.data import DataFolder, write_private
from config.devstack.postgres import Postgres
from config.devstack.valkey import Valkey

# An embedded server runs unless all the variables that replace it are set.
_REPLACED_BY = {
    "postgres": ("DATABASE_URL",),
    "valkey": ("REDIS_URL", "CELERY_BROKER_URL"),
    "sandbox": ("STRIPE_API_BASE",),
    "carrier": ("MELHOR_ENVIO_API_BASE",),
}


def needed_servers(given: Mapping[str, str]) -> list[str]:
    """The embedded servers that the environment does not replace."""
    return [server for server, variables in _REPLACED_BY.items() if not all(map(given.get, variables))]


def addresses(data: DataFolder, given: Mapping[str, str]) -> dict[str, str]:
    """The URLs of PostgreSQL and Valkey, with the broker in a database of its own, and SECRET_KEY.

    Chooses a port for each server that is needed: its previous one unless that is in use, so none of our servers may
    be running yet.
    """
    needed = needed_servers(given)
    for server in needed:
        data.free_port(server)
    ours = {"SECRET_KEY": data.secret("django"), "ESTEIRA_DEMO": "1"}
    if "postgres" in needed:
        ours["DATABASE_URL"] = Postgres(data).url
    if "valkey" in needed:
        ours |= {"REDIS_URL": Valkey(data).url(0), "CELERY_BROKER_URL": Valkey(data).url(1)}
    return _overridden(ours, given)


def shop_addresses(data: DataFolder, given: Mapping[str, str], port: int) -> dict[str, str]:
    """`addresses`, plus those of a shop on `port`: its site, mail, seller, payment provider and carrier."""
    ours = {
        "SITE_URL": f"http://{ports.HOST}:{port}",
        "EMAIL_URL": f"filemail:///{data.mail}",
        "METRICS_TOKEN": data.secret("metrics"),
        "SELLER_NAME": "Esteira Demonstração Ltda.",
        "SELLER_TAX_ID": "11.222.333/0001-81",
        "SELLER_ADDRESS": "Praça da Sé, s/n, Sé, São Paulo – SP, 01001-000",
        "SELLER_EMAIL": "loja@esteira.example",
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
        carrier = f"http://{ports.HOST}:{data.port('carrier')}"
        ours |= {
            "MELHOR_ENVIO_API_BASE": carrier,
            "MELHOR_ENVIO_TOKEN": "any",
            "MELHOR_ENVIO_CONTACT": "demo@esteira.example",
            "MELHOR_ENVIO_SECRET": data.secret("carrier"),
            "POSTAL_CODE_API_BASE": f"{carrier}/viacep",
            "POSTAL_CODE_SECOND_API_BASE": f"{carrier}/brasilapi",
        }
    return servers | _overridden(ours, given)


def alertmanager_address(data: DataFolder) -> dict[str, str]:
    """The address of Alertmanager, if `make monitor` kept running while the demo was stopped."""
    if process_locks.holder(data.root, "monitor") is None or not data.servers_env.exists():
        return {}
    known = honcho.environ.parse(data.servers_env.read_text()).get("ALERTMANAGER_URL")
    return {"ALERTMANAGER_URL": known} if known else {}


def write_servers_env(data: DataFolder, variables: Mapping[str, str]) -> None:
    """Write the addresses for every other process of this checkout, such as `manage.py` in a second terminal."""
    lines = ["# Written at each start of the demo. A variable in the environment wins over a line here."]
    lines += [f"{name}={value}" for name, value in variables.items()]
    write_private(data.servers_env, "\n".join(lines) + "\n")


def process_environment(data: DataFolder, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: ours added to the current one, our programs first in PATH."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **variables,
        "ESTEIRA_DATA": str(data.root),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def _overridden(ours: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name) or value for name, value in ours.items()}
