"""URLs of pages and pieces of HTML are made in faces only: domain code does not know how it is shown.

import-linter sees that Django is imported, not which part. REST is a package of its own and has a contract.
"""

import ast
from fnmatch import fnmatch

from tests.architecture.test_locks_and_network import REPOSITORY, shop_files

SHOWING = {"django.urls", "django.utils.html"}
FACES = (
    "*/urls.py",
    "*/api_urls.py",
    "*/converters.py",
    "*/api.py",
    "*/api/*",
    "*/views.py",
    "*/views/*",
    "*/admin.py",
    "*/admin/*",
    "*/backoffice/*",
    "*/templatetags/*",
    # They show the fields of every form, and the fixed parts of every page.
    "config/rendering/*",
    "*/emails.py",
    # The URLs of an app's pages, for mails and for the provider.
    "*/links.py",
    # Draws a picture and returns its URL.
    "inventory/pictures.py",
)


def shows(source: str) -> set[str]:
    """The imported modules that only faces may use."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & SHOWING


def is_face(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in FACES)


def test_only_faces_use_urls_and_html() -> None:
    found = {path.relative_to(REPOSITORY).as_posix(): shows(path.read_text()) for path in shop_files()}
    assert {name for name, modules in found.items() if modules and not is_face(name)} == set()


def test_the_rule_sees_every_form_of_import() -> None:
    assert shows("from django.urls import reverse\nfrom django.utils import html") == SHOWING
    assert shows("import django.utils.html\nfrom django.utils import timezone") == {"django.utils.html"}
    assert not is_face("checkout/settle.py")
