"""`config` names nothing that belongs to an app: no status, refusal, metric, script, permission or URL.

So adding one is an edit in that app alone. Whole words count: `border` and `reorder` do not match `order`.
"""

import ast
import re
from collections.abc import Iterator

from tests.architecture.test_locks_and_network import REPOSITORY

CONFIG = REPOSITORY / "config"
# It must name what it assembles. Includes in any urls.py belong to it.
COMPOSITION_ROOT = ("settings/", "urls.py", "locale/", "celery.py", "gunicorn.py", "wsgi.py", "devstack/")

NOUNS = {
    "inventory": ("inventory", "product", "catalogue", "sku", "stock", "warehouse", "reservation"),
    "cart": ("cart", "coupon", "promotion"),
    "shipping": ("shipping", "carrier", "freight", "parcel", "quote"),
    "payments": ("payment", "refund", "dispute", "stripe", "pix", "webhook"),
    "checkout": ("checkout", "order", "outbox", "shipment", "instalment", "sweeper"),
}
WORDS = {word for nouns in NOUNS.values() for noun in nouns for word in (noun, f"{noun}s")}

# Django's own names.
DJANGO = {"order_by"}
# Names that cannot change, by file.
KEPT = {
    # A label that a migration repeats, and an index.
    "audit/models.py": {"order", "audit_of_order"},
    # A column, whose name is in the page; its label.
    "audit/admin.py": {"order"},
    # The prefix of lock keys in Redis, which two releases must share.
    "backoffice/cache_inspection.py": {"checkout:"},
    # Metrics of every lock; dashboards and alerts rely on them.
    "telemetry/metrics.py": {
        "checkout_lock_errors_total",
        "checkout_lock_contention_total",
        "checkout_lock_wait_seconds",
    },
}

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def is_of_an_app(name: str) -> bool:
    """Whether one of its words belongs to an app: `OrderLine`, `order_line` and `/order-line/` have the same words."""
    return not WORDS.isdisjoint(word.lower() for word in WORD.findall(name))


def names(node: ast.AST) -> Iterator[str]:
    """Every identifier below `node`, and every string without a space: with one it is text for people, or SQL."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and ast.unparse(child.func) == "include":
            continue
        fields = (getattr(child, field, None) for field in ("id", "attr", "arg", "name", "asname", "module", "value"))
        yield from (text for text in fields if isinstance(text, str) and not re.search(r"\s", text))
        yield from names(child)


def files() -> Iterator[str]:
    """The files of config that the rule covers."""
    for path in sorted(CONFIG.rglob("*.*")):
        file = path.relative_to(CONFIG).as_posix()
        if not (file.startswith(COMPOSITION_ROOT) or "migrations/" in file or "__pycache__/" in file):
            yield file


def names_in(file: str) -> set[str]:
    return set(names(ast.parse((CONFIG / file).read_text())))


def test_config_names_nothing_of_an_app() -> None:
    found = {
        file: [name for name in sorted(names_in(file) - DJANGO - KEPT.get(file, set())) if is_of_an_app(name)]
        for file in files()
        if file.endswith(".py")
    }
    assert {file: of_apps for file, of_apps in found.items() if of_apps} == {}


def test_no_file_of_config_is_named_after_an_app() -> None:
    assert [file for file in files() if is_of_an_app(file)] == []


def test_every_exemption_is_still_needed() -> None:
    assert {file: kept - names_in(file) for file, kept in KEPT.items()} == {file: set() for file in KEPT}


class TestTheRuleItself:
    def test_catches_every_kind_of_name(self) -> None:
        source = [
            "import cart.cache",
            "from b import order_link as link",
            "class CartAdmin: ...",
            "def refund(payment, *, skus=1): ...",
            "call(product=thing.stock)",
            'KEYS = ["checkout:return", f"quote:{pix}", "awaiting-shipment"]',
        ]
        assert {name for name in names(ast.parse("\n".join(source))) if is_of_an_app(name)} == {
            *("cart.cache", "order_link", "CartAdmin", "refund", "payment", "skus", "product", "stock"),
            *("checkout:return", "quote:", "pix", "awaiting-shipment"),
        }

    def test_ignores_other_words_texts_and_includes(self) -> None:
        source = ['"""An order."""', 'border = reorder = "Your order is paid."', 'path("", include("cart.urls"))']
        assert not any(map(is_of_an_app, names(ast.parse("\n".join(source)))))
