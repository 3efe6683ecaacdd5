"""No code of the shop, and nothing that it configures, reads or writes pickles: reading one runs code."""

import ast
from pathlib import Path

import pytest

from tests.architecture.test_locks_and_network import APPS, REPOSITORY

MODULES = {"pickle", "_pickle", "shelve", "marshal", "dill", "cloudpickle", "joblib"}


def findings(source: str) -> list[str]:
    """Imports of such a module, and names and dotted paths (as settings have them) that contain one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            names = [node.value]
        else:
            continue
        found += [name for name in names if MODULES.intersection(name.split(".")) or "PickleSerializer" in name]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import django_redis.serializers.pickle as p",
        "from django_redis.serializers.pickle import PickleSerializer",
        'A = {"SERIALIZER": "django_redis.serializers.pickle.PickleSerializer"}',
        'CELERY_ACCEPT_CONTENT = ["json", "pickle"]',
        "import shelve",
    ],
)
def test_the_check_finds_them(source: str) -> None:
    assert findings(source)


def test_and_nothing_else() -> None:
    assert not findings('"""Never a pickle."""\nimport json\nfrom config.redis.values import JSONSerializer')


def test_there_are_none() -> None:
    paths: list[Path] = [path for app in APPS for path in sorted((REPOSITORY / app).rglob("*.py"))]
    assert len(paths) > 100
    found = {str(path.relative_to(REPOSITORY)): findings(path.read_text()) for path in paths}
    assert {path: names for path, names in found.items() if names} == {}
