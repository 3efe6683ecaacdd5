"""A running shop: live server, provider, worker; and shoppers, each with a browser of their own."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.cache import cache
from django.db import connections
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from checkout import tasks
from tests.journeys.goods import Goods
from tests.journeys.shopper import Shopper
from tests.journeys.watch import Watch
from tests.support.factories.shipping import load_rates
from tests.support.sandbox import Sandbox

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 800}}

expect.set_options(timeout=15_000)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys run last: later tests in the same process would have Playwright's event loop beside them."""
    items.sort(key=lambda item: item.get_closest_marker("journey") is not None)


@pytest.fixture(scope="session", autouse=True)
def traces(pytestconfig: pytest.Config) -> None:
    """A journey that fails keeps its trace."""
    if pytestconfig.getoption("--tracing") == "off":
        pytestconfig.option.tracing = "retain-on-failure"


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    """On 127.0.0.1, like the sandbox; plain HTTP, whatever the environment sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project_settings, "SECURE_SSL_REDIRECT", False)
        server = LiveServer("127.0.0.1")
        yield server
        server.stop()


@pytest.fixture
def shop(live_server: LiveServer, transactional_db: None, sandbox: Sandbox, settings: Any) -> Iterator[str]:
    """The URL of the running shop, with freight for all of Brazil."""
    settings.SITE_URL = live_server.url
    settings.HTTPS = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CONTENT_SECURITY_POLICY = _policy_for(settings.CONTENT_SECURITY_POLICY, sandbox.base_url)
    load_rates()
    yield live_server.url
    sandbox.deliver_to("")


def _policy_for(policy: dict[str, Any], provider: str) -> dict[str, Any]:
    """The shop's own policy, with the running provider in place of the one in the settings."""
    configured = policy["DIRECTIVES"]["script-src"][-1]
    directives = {
        name: [provider if source == configured else source for source in sources]
        for name, sources in policy["DIRECTIVES"].items()
    }
    return {**policy, "DIRECTIVES": directives}


@pytest.fixture
def goods(shop: str) -> Goods:
    """The products in stock."""
    return Goods()


class Worker:
    """The worker's periodic tasks, in a thread: settles webhook events, sends mail and makes receipts."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker")
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(timeout=20)

    def _work(self) -> None:
        try:
            while not self._over.wait(0.1):
                tasks.settle_webhook_events()
                tasks.relay_outbox()
                tasks.make_receipts()
        except BaseException as failure:
            self.failure = failure
        finally:
            connections.close_all()


@pytest.fixture
def worker(shop: str, sandbox: Sandbox) -> Iterator[Worker]:
    """A running worker, and a provider that sends webhooks to the shop."""
    sandbox.deliver_to(f"{shop}/webhooks/stripe/")
    working = Worker()
    working.start()
    yield working
    sandbox.deliver_to("")
    working.stop()
    assert working.failure is None, working.failure


@pytest.fixture
def welcome(
    shop: str, sandbox: Sandbox, new_context: Callable[..., BrowserContext]
) -> Iterator[Callable[..., Shopper]]:
    """Opens a browser for a shopper. Browser errors and requests to other hosts fail the test."""
    watches: list[Watch] = []
    contexts: list[BrowserContext] = []

    def open_browser(
        language: str = "pt-br", *, phone: bool = False, expected: re.Pattern[str] | None = None, **options: Any
    ) -> Shopper:
        locale = {"pt-br": "pt-BR", "en": "en-US"}[language]
        context = new_context(
            locale=locale,
            timezone_id="America/Sao_Paulo",
            reduced_motion="reduce",
            **{**(PHONE if phone else DESK), **options},
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        watches.append(Watch(context, own=shop, provider=sandbox.base_url, expected=expected))
        return Shopper(context.new_page(), shop, language, touch=phone)

    yield open_browser
    for context in contexts:
        context.close()
    cache.delete_pattern("*")
    for watch in watches:
        watch.check()


@pytest.fixture
def shopper(welcome: Callable[..., Shopper]) -> Shopper:
    """A Brazilian at a desktop browser."""
    return welcome()
