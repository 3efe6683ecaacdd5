"""The developer view in Chromium, under the shop's own policy: staff only, covers all processes, no personal data."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page, expect

from config.accounts.models import User
from tests.journeys.watch import Watch
from tests.support.factories.inventory import ProductFactory
from tests.support.sandbox import Sandbox
from tests.support.web import Web, running

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

EMAIL, PASSWORD = "dev@esteira.example", "a-password-for-the-demo"


@pytest.fixture
def web(tmp_path: Path, sandbox: Sandbox) -> Iterator[Web]:
    """A demo's web server, with two processes."""
    User.objects.create_superuser(email=EMAIL, password=PASSWORD)
    ProductFactory(sku="CUP-1", name="Cup", stock=5)
    with running(tmp_path, sandbox, DEVELOPER_VIEW="1") as opened:
        yield opened


@pytest.fixture
def page(web: Web, sandbox: Sandbox, new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A browser; console errors fail the test."""
    context = new_context(locale="en-US", reduced_motion="reduce")
    watch = Watch(context, own=f"http://127.0.0.1:{web.port}", provider=sandbox.base_url)
    yield context.new_page()
    watch.check()


def sign_in(page: Page, shop: str) -> None:
    page.goto(f"{shop}/admin/login/?next=/")
    page.locator("[name=username]").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form [type=submit]").first.click()
    page.wait_for_url(f"{shop}/")


def test_staff_inspect_a_page_and_later_requests(page: Page, web: Web) -> None:
    """HTMX and API requests have no page of their own: they appear in the history of any page."""
    shop = f"http://127.0.0.1:{web.port}"
    sign_in(page, shop)
    with page.expect_navigation():  # and all that it loads: without HTMX the button leads to the cart's page
        page.get_by_role("link", name="Cup").first.click()
    with page.expect_response("**/cart/add/"):
        page.get_by_role("button", name="Add to cart").first.click()
    page.evaluate("fetch('/api/v1/products/?search=secret-wish').then((answer) => answer.json())")
    page.locator("#djShowToolBarButton").click()
    look_into(page, "HistoryPanel")
    page.get_by_role("button", name="Refresh").locator("visible=true").click()
    history = page.locator("#djdtHistoryRequests tr")
    expect(history.filter(has_text="/api/v1/products/")).to_have_count(1)
    expect(page.locator("#djDebug")).not_to_contain_text("secret-wish")

    history.filter(has_text="/cart/add/").get_by_role("button", name="Switch").click()
    expect(page.locator("#djdt-TemplatesPanel")).to_contain_text("cart/added.html")
    look_into(page, "SQLPanel")
    statements = page.locator("#SQLPanel")
    expect(statements).to_contain_text('INSERT INTO "cart_cartline"')
    expect(statements).to_contain_text("/cart/services.py")
    expect(statements).not_to_contain_text("CUP-1")
    look_into(page, "CachePanel")
    expect(page.locator("#CachePanel")).to_contain_text("EVAL")
    expect(page.locator("#CachePanel")).to_contain_text("/cart/cache.py")


def look_into(page: Page, panel: str) -> None:
    page.locator(f"#djdt-{panel} a").first.click()
    expect(page.locator(f"#{panel} .djdt-scroll > *").first).to_be_attached()


def test_no_one_else_sees_it(page: Page, web: Web) -> None:
    shop = f"http://127.0.0.1:{web.port}"
    page.goto(f"{shop}/")
    expect(page.locator("#djDebugRoot")).to_have_count(0)
    assert page.request.get(f"{shop}/__debug__/render_panel/?request_id=x&panel_id=SQLPanel").status == 404
    assert not cache.keys("djdt:*")
