"""Two rules, checked statically: row locks only inside a transaction, network calls only outside one.

`config.db.locks` enforces both at run time; this test finds code that bypasses it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = ("cart", "checkout", "inventory", "payments", "shipping", "config")
# Separate servers, what starts them, and what reads requests before the shop sees them: no shop code runs there.
NOT_THE_SHOP = ("payments/sandbox", "shipping/sandbox", "config/devstack", "config/web")

NETWORK = {"requests", "urllib3", "urllib.request", "http.client", "httpx", "smtplib", "socket", "stripe"}
# The doors to the network. All other code goes through one of them.
DOORS = {
    "payments/gateways/stripe.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_calls.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_errors.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_http.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_documents.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_params.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_refunds.py": "payments/gateways/stripe_calls.py",
    "payments/gateways/stripe_search.py": "payments/gateways/stripe_calls.py",
    # Used by these three, which refuse before they call it.
    "config/resilience/http.py": "shipping/carriers/__init__.py",
    "config/backoffice/alertmanager.py": "config/backoffice/alertmanager.py",
    "shipping/address_lookup.py": "shipping/address_lookup.py",
}


def shop_files() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((REPOSITORY / app).rglob("*.py")):
            name = path.relative_to(REPOSITORY).as_posix()
            if "/migrations/" not in name and not name.startswith(NOT_THE_SHOP):
                yield path


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def calls(node: ast.AST) -> set[str]:
    """The last name part of every call below `node`, including `with` and decorators."""
    names = {ast.unparse(call.func).rsplit(".", 1)[-1] for call in ast.walk(node) if isinstance(call, ast.Call)}
    decorators = getattr(node, "decorator_list", [])
    return names | {ast.unparse(decorator).split("(")[0].rsplit(".", 1)[-1] for decorator in decorators}


def unguarded_locks(source: str) -> list[str]:
    """Functions that lock rows and neither open nor require a transaction. A compiled queryset requires one itself."""
    guards = {"require_transaction", "atomic", "compiled"}
    return [
        function.name
        for function in functions(ast.parse(source))
        if "select_for_update" in calls(function) and not calls(function) & guards
    ]


def network_imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name for name in names for module in NETWORK if name == module or name.startswith(module + ".")}
    return found


@pytest.mark.parametrize("path", list(shop_files()), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_row_lock_requires_a_transaction(path: Path) -> None:
    assert unguarded_locks(path.read_text()) == []


@pytest.mark.parametrize("path", list(shop_files()), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_the_network_is_behind_doors_that_refuse_inside_a_transaction(path: Path) -> None:
    name = path.relative_to(REPOSITORY).as_posix()
    if network_imports(path.read_text()):
        assert name in DOORS, f"{name} uses the network: add a call to refuse_in_transaction() and name it a door."
    if name in DOORS:
        assert "refuse_in_transaction" in calls(ast.parse((REPOSITORY / DOORS[name]).read_text()))


class TestTheRulesThemselves:
    def test_catch_a_lock_without_a_guard(self) -> None:
        assert unguarded_locks("def grab(rows):\n    return rows.select_for_update().get()") == ["grab"]
        assert unguarded_locks("def grab(rows):\n    require_transaction()\n    return rows.select_for_update()") == []
        assert unguarded_locks("@transaction.atomic\ndef grab(rows):\n    return rows.select_for_update()") == []

    def test_catch_the_network(self) -> None:
        assert network_imports(
            "from http.client import HTTPConnection\nimport stripe\nfrom http import HTTPStatus"
        ) == {
            "http.client",
            "stripe",
        }
