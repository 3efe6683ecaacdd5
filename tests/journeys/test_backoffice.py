"""Staff at a browser: a refund in four clicks from the home page on a phone, and accessible overview pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings as project_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from cart import snapshot
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from config.accounts.models import User
from config.telemetry import metrics
from inventory import catalogue
from payments.models import PaymentAttempt, StrayCharge, WebhookEvent
from tests.journeys.goods import Goods
from tests.journeys.shopper import Shopper
from tests.journeys.test_looks import look_over, measure
from tests.support.backoffice import opened
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def signed_in(staff: Shopper) -> Shopper:
    """Signs the browser in as a superuser."""
    client = Client()
    client.force_login(User.objects.create(email="chefe@example.com", is_staff=True, is_superuser=True))
    name = project_settings.SESSION_COOKIE_NAME
    staff.page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": staff.address}])
    metrics.forget_scraped()
    return staff


@pytest.mark.parametrize("sought", ["number", "email"])
def test_an_order_is_refunded_four_clicks_from_home_on_a_phone(
    welcome: Callable[..., Shopper], goods: Goods, sandbox: Sandbox, sought: str
) -> None:
    order = order_of(ready_cart([goods.mug]))
    staff = signed_in(welcome("en", phone=True))
    staff.open("/admin/")
    staff.page.get_by_label("Find an order").fill(getattr(order, sought))
    staff.page.get_by_role("button", name="Find", exact=True).click()
    staff.page.get_by_role("link", name="Refund…").click()
    staff.page.get_by_label("Reason").fill("scratched")
    staff.page.get_by_role("button", name="Review the refund").click()
    expect(staff.page.get_by_role("status")).to_contain_text(staff.money(order.total))
    staff.page.get_by_role("button", name=f"Refund {staff.money(order.total)} now").click()
    expect(staff.page.locator(".messagelist")).to_contain_text("is fully refunded")
    assert Order.objects.get(pk=order.pk).status == OrderStatus.REFUNDED
    assert sandbox.ledger()["balance"] == 0


def everything_is_wrong(goods: Goods) -> None:
    """A row in every section of the money page, every active problem that rows can cause, and a full cache."""
    ago = timezone.now() - timedelta(minutes=8)
    lost, unknown, due = (order_of(ready_cart([goods.mug])) for _ in range(3))
    Order.objects.filter(pk=lost.pk).update(status=OrderStatus.CANCELLED)
    Order.objects.update(placed_at=ago)
    PaymentAttempt.objects.filter(payment=unknown.payment_id).update(status="unknown", created_at=ago)
    OutboxMessage.objects.update(created_at=ago, last_error="ConnectionRefusedError: nobody listens", tries=3)
    OutboxMessage.objects.create(order=due, kind=MessageKind.REFUND_DUE, due_at=ago)
    StrayCharge.objects.create(
        provider="stripe", provider_reference="pi_3Pstray0Nobody", amount="88.00", currency="BRL"
    )
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="payment_intent.succeeded", payload={}, received_at=ago
    )
    catalogue.products_by_id([goods.mug.pk, goods.hammock.pk])
    snapshot.load(ready_cart([goods.hammock]).id, None)


PAGES = ["/admin/", "/admin/money/", "/admin/cache/", "/admin/cache/product/drop/", "/admin/breakers/"]


# Accessibility is the same in both languages; the width of the text is not.
@pytest.mark.parametrize(("language", "look"), [("pt-br", look_over), ("en", measure)])
def test_the_overview_pages_are_accessible(
    welcome: Callable[..., Shopper], goods: Goods, language: str, look: Callable[..., list[str]]
) -> None:
    everything_is_wrong(goods)
    staff = signed_in(welcome(language))
    found: list[str] = []
    with opened("stripe"):
        for path in [*PAGES, "/admin/breakers/stripe/close/", "/admin/cart/cart/?abandoned=hour"]:
            staff.open(path)
            found += look(staff.page, f"{path} in {language}")
    assert found == []
    staff.open("/admin/cache/")
    staff.page.locator("code").first.click()
    expect(staff.page.locator(".payload")).to_be_visible()
    assert look(staff.page, "one key") == []


def test_they_are_accessible_when_nothing_is_wrong(welcome: Callable[..., Shopper], goods: Goods) -> None:
    staff = signed_in(welcome("en"))
    found: list[str] = []
    for path in PAGES:
        staff.open(path)
        found += look_over(staff.page, path)
    assert found == []
