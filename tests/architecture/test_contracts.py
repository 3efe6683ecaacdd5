"""Each contract in pyproject.toml catches its violation, planted into a copy of the source."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in OPTIONS["contracts"]}

INSIDE_CONFIG = "Shared ground: a layer for each part of config"
INSIDE_THE_THREE = "Inside accounts, audit and the back office: a layer for each module"
AMONG_THE_THREE = "Faces stand on the back office, it on the audit log, and that on who acted"
NO_CIRCLE = "No circle among the parts of a package"
INSIDE_AN_APP = "Inside an app: faces call verbs, and verbs write nouns"


class Violation(NamedTuple):
    """An import added to a module, or, if it is None, a module that belongs to no layer."""

    contract: str
    module: str
    imports: str | None

    @property
    def finding(self) -> str:
        """The line about it in the contract's part of the report."""
        if self.imports is None:
            return f"- {self.module}\n"
        if self.contract == NO_CIRCLE:
            return f"No cycles are allowed in {self.module.rpartition('.')[0]}.\n"
        return f"{self.module} -> {self.imports} ("


VIOLATIONS = [
    Violation("Who may import whom", "payments.checks", "inventory.search_text"),
    Violation("Who may import whom", "config.money", "cart.exceptions"),
    Violation("Carts know no payments", "cart.forms", "payments.exceptions"),
    Violation(INSIDE_CONFIG, "config.redis.sentinel", "config.cache"),
    Violation(INSIDE_CONFIG, "config.telemetry.metrics", "config.db.locks"),
    Violation(INSIDE_CONFIG, "config.newcomer", None),
    Violation(INSIDE_THE_THREE, "config.audit.services", "config.audit.receivers"),
    Violation(INSIDE_THE_THREE, "config.backoffice.newcomer", None),
    Violation(AMONG_THE_THREE, "config.audit.services", "config.accounts.emails"),
    Violation(AMONG_THE_THREE, "config.backoffice.charts", "config.accounts.admin"),
    Violation(INSIDE_AN_APP, "shipping.options", "shipping.checks"),
    Violation(INSIDE_AN_APP, "inventory.search_text", "inventory.forms"),
    Violation(INSIDE_AN_APP, "payments.newcomer", None),
    Violation("REST stays in its faces", "cart.services", "rest_framework"),
    Violation("REST stays in its faces", "checkout.settle", "drf_spectacular"),
    Violation("Money is arithmetic", "config.money", "django"),
    Violation("Nothing is unpickled", "config.cache", "pickle"),
    Violation("Nothing is unpickled", "checkout.services", "shelve"),
    Violation("Only the shop window reads what may be old", "cart.snapshot", "config.db.replica"),
    Violation("No module imports an entry point", "inventory.views", "config.settings.base"),
    Violation("No module imports an entry point", "payments.services", "payments.sandbox.cards"),
    Violation("Only payments talks to a gateway", "checkout.settle", "payments.gateways"),
    Violation("Only shipping talks to a carrier", "checkout.forms", "shipping.carriers.base"),
    Violation("The checkout's models are imported from their package", "checkout.links", "checkout.models.orders"),
    Violation("Inventory's models are imported from their package", "cart.admin", "inventory.models.stock"),
    Violation("Payments' models are imported from their package", "checkout.services", "payments.models.refunds"),
    Violation("Shipping's models are imported from their package", "cart.admin", "shipping.models.labels"),
    Violation(NO_CIRCLE, "config.devstack.exceptions", "config.devstack.ports"),
]


def broken_contracts(folder: Path) -> dict[str, str]:
    """What import-linter reports about each broken contract in `folder`."""
    report = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b.*$", report, re.MULTILINE))
    assert verdicts.keys() == CONTRACTS.keys(), report
    headings = "|".join(re.escape(name) for name, verdict in verdicts.items() if verdict == "BROKEN")
    parts = re.split(rf"^({headings})\n-+$", report, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The report on a copy of the source with all violations in it."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    for package in OPTIONS["root_packages"]:
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("static", "locale"))
    for violation in VIOLATIONS:
        file = folder / f"{violation.module.replace('.', '/')}.py"
        with file.open("a") as text:
            text.write(f"\nimport {violation.imports}\n" if violation.imports else "")
    return broken_contracts(folder)


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: f"{violation.module}-{violation.imports}")
def test_a_contract_catches_its_violation(findings: dict[str, str], violation: Violation) -> None:
    assert violation.finding in findings[violation.contract]


def test_every_contract_has_a_violation() -> None:
    assert {violation.contract for violation in VIOLATIONS} == CONTRACTS.keys()


def test_the_contract_among_the_three_names_every_module() -> None:
    """import-linter's "exhaustive" does not cover a contract with layers from several packages."""
    named = {name.strip() for layer in CONTRACTS[AMONG_THE_THREE]["layers"] for name in layer.split(":")}
    for package in set(CONTRACTS[INSIDE_THE_THREE]["containers"]) - named:
        files = (REPOSITORY / package.replace(".", "/")).glob("*.py")
        modules = {f"{package}.{file.stem}" for file in files if file.stem != "__init__"}
        assert modules == {name for name in named if name.startswith(f"{package}.")}
