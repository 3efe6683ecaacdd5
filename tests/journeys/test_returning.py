"""A guest gives one of two lines back; the shop looks at it, and the money comes back."""

from collections.abc import Callable

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import expect

from checkout import services, shipments
from checkout.models import Order, OrderStatus, Return, ReturnStatus, Shipment, ShipmentStatus
from config.accounts.models import User
from config.money import to_minor_units
from tests.journeys.conftest import Worker
from tests.journeys.goods import LONG_NAME, Goods
from tests.journeys.shopper import Shopper
from tests.journeys.test_admin_pages import signed_in
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def boss(shop: str) -> User:
    return User.objects.create(email="chefe@example.com", is_staff=True, is_superuser=True)


def has_mail(about: str) -> bool:
    return any(about in sent.body for sent in mail.outbox)


@pytest.mark.parametrize(("language", "phone"), [("pt-br", True), ("en", False)])
def test_one_of_two_lines_goes_back(
    goods: Goods,
    boss: User,
    worker: Worker,
    sandbox: Sandbox,
    welcome: Callable[..., Shopper],
    language: str,
    phone: bool,
) -> None:
    order = order_of(ready_cart([goods.mug, goods.hammock]), language=language)
    services.mark_shipped(order)
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.DELIVERED)
    shopper = welcome(language, phone=phone)
    shopper.open(f"/orders/{order.number}/?token={order.token}")
    shopper.press(shopper.link("Return something"))
    shopper.sees_heading("Return something")
    shopper.page.get_by_label(LONG_NAME).select_option("1")
    shopper.press(shopper.button("Withdraw from the purchase"))
    shopper.sees(
        "We have received it under the number %(number)s, and confirm it by e-mail.", number=f"{order.number}-1"
    )
    shopper.sees("Accepted")
    eventually(lambda: has_mail(f"{order.number}-1"), seconds=30)

    clerk = signed_in(welcome(language), boss)
    page = clerk.page
    clerk.open(reverse("admin:checkout_order_change", args=[order.pk]))
    page.get_by_role("link", name=clerk.words("How to send it…")).click()
    page.get_by_label(clerk.words("To the shopper")).fill("PAC 2026 0001")
    page.get_by_role("button", name=clerk.words("Send it to the shopper")).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    eventually(lambda: has_mail("PAC 2026 0001"), seconds=30)
    page.get_by_role("link", name=clerk.words("It has come…")).click()
    page.get_by_role("button", name=clerk.words("Record what came back")).click()
    page.get_by_role("link", name=clerk.words("Pay the return back…")).click()
    price = order.lines.get(product=goods.hammock).line_total
    page.get_by_role("button", name=clerk.words("Pay back %(amount)s", amount=clerk.money(price)), exact=True).click()
    expect(page.locator(".messagelist .success")).to_contain_text(clerk.money(price))

    assert Return.objects.get().status == ReturnStatus.CLOSED
    assert Order.objects.get().status == OrderStatus.DELIVERED
    assert sandbox.ledger()["refunded"] == to_minor_units(price, order.currency)
    shopper.open(f"/orders/{order.number}/?token={order.token}")
    shopper.sees("Done")
    shopper.sees(
        "Refund of %(amount)s: paid back. Your bank may take some days to show it.", amount=shopper.money(price)
    )
