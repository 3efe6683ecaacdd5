"""What every test stands on: a real PostgreSQL and a real Redis-protocol server; a database and a prefix a worker."""

import os
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.cache import cache

from tests import chromium

# The stand-ins, for whoever asks for `sandbox` (the provider of payments) or `carrier`, and the table of faults.
pytest_plugins = ["tests.sandbox", "tests.carrier", "tests.faults.table"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Several runs side by side (a demo, another checkout) keep their own test databases."""
    suffix = os.environ.get("TEST_DATABASE_SUFFIX", "")
    if suffix:
        test = project_settings.DATABASES["default"].setdefault("TEST", {})
        test["NAME"] = f"{test.get('NAME') or 'test_' + project_settings.DATABASES['default']['NAME']}_{suffix}"


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest, settings) -> None:
    """Each test starts with a cold cache of its own; workers share the server, not the keys."""
    prefix = f"test-{os.environ.get('TEST_DATABASE_SUFFIX', '')}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "KEY_PREFIX": prefix}}
    cache.delete_pattern("*")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium that `make test` saw to. As root it cannot sandbox itself; /dev/shm is small in containers."""
    path = chromium.find()
    if path is None:
        pytest.fail("There is no Chromium for the browser journeys; `make test` installs it.", pytrace=False)
    return {**browser_type_launch_args, "executable_path": path, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}
