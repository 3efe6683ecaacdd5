"""Fixtures for all tests: a real PostgreSQL and a Redis-protocol server; a database and a key prefix per worker."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation
from django_redis.cache import RedisCache
from zeal import zeal_context, zeal_ignore
from zeal.constants import initialize_app_registry
from zeal.patch import patch

from tests.faults import FULL
from tests.support import chromium
from tests.support.compiled import watch_compiled
from tests.support.emptying import Emptying

# Fixtures shared by several folders: `sandbox` (the payment provider) and `carrier`, staff, API clients, browsers, the
# balance checks; and the tables of faults and alerts.
pytest_plugins = [
    "tests.support.sandbox",
    "tests.support.carrier",
    "tests.support.staff",
    "tests.support.api",
    "tests.support.pages",
    "tests.support.balance_table",
    "tests.support.books",
    "tests.alerts.table",
]


def pytest_configure() -> None:
    """Turns on django-zeal for the tests, which checks each request separately. It runs nowhere else."""
    # Playwright's event loop stays in the main thread, idle while a test runs: Django need not refuse queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    if FULL:
        return  # tests/faults at full length: the short runs watch the same queries
    initialize_app_registry()
    patch()
    watch_compiled()
    project_settings.MIDDLEWARE = ["zeal.middleware.zeal_middleware", *project_settings.MIDDLEWARE]
    project_settings.ZEAL_RAISE = True
    # Two lines that run twice when a request loses a race: the one that fetches a cart, and Django's own
    # `get_or_create`.
    project_settings.ZEAL_ALLOWLIST = [
        {"model": "cart.Cart", "field": "get()"},
        {"model": "checkout.IdempotencyKey", "field": "get()"},
    ]


@pytest.fixture(autouse=True)
def no_query_per_row() -> Iterator[None]:
    """Fails a test that reads rows one by one in a loop. Each request is checked separately, without exceptions.

    A test may call a service several times, and each call fetches its own cart: only that is allowed outside requests.
    """
    with zeal_context(), zeal_ignore([{"model": "*", "field": "get()"}, {"model": "cart.Cart", "field": "lines"}]):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Concurrent runs (a demo, another checkout) have separate test databases."""
    suffix = os.environ.get("TEST_DATABASE_SUFFIX", "")
    if suffix:
        test = project_settings.DATABASES["default"].setdefault("TEST", {})
        test["NAME"] = f"{test.get('NAME') or 'test_' + project_settings.DATABASES['default']['NAME']}_{suffix}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Transactional tests truncate all tables afterwards, which the audit log refuses; only here it is allowed.

    A process that a test has killed may have a session for a moment longer: it must not keep the database from being
    dropped.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_not_emptied")
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


@pytest.fixture(scope="session", autouse=True)
def flush() -> Iterator[Callable[[TransactionTestCase], None]]:
    """How Django empties the database after a test that committed; tests end in a quicker way (`Emptying`)."""
    django = TransactionTestCase._fixture_teardown
    emptying = Emptying(django)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(TransactionTestCase, "_fixture_teardown", lambda test: emptying(test))
        yield django


@pytest.fixture(scope="session", autouse=True)
def only_its_own_keys() -> Iterator[None]:
    """`cache.clear()` empties Redis for all workers: the counters, leases and locks of other tests went with it."""

    def refuse(_cache: RedisCache) -> None:
        raise AssertionError('cache.clear() empties what other workers have; use cache.delete_pattern("*").')

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(RedisCache, "clear", refuse)
        yield


@pytest.fixture(autouse=True)
def language_of_the_shop() -> None:
    """A request leaves its language to its thread, and so to the next test."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest, settings) -> None:
    """Each test starts with a cold cache of its own; workers share the server, not the keys."""
    prefix = f"test-{os.environ.get('TEST_DATABASE_SUFFIX', '')}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "KEY_PREFIX": prefix}}
    settings.CACHE_CHECK_WRITES = True
    cache.delete_pattern("*")
    import_module("inventory.catalogue")._ids_seen.clear()  # of the process


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium that `make test` provides. As root it cannot sandbox itself; /dev/shm is small in containers."""
    path = chromium.find()
    if path is None:
        pytest.fail("There is no Chromium for the browser journeys; `make test` installs it.", pytrace=False)
    return {**browser_type_launch_args, "executable_path": path, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}
