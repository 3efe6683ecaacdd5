"""A member of staff buys a parcel's label with one press, prints it, and hands the parcel over, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from checkout.models import Order, OrderStatus
from config.accounts.models import User
from tests.journeys.goods import Goods
from tests.journeys.shopper import Shopper
from tests.journeys.test_admin_pages import boss as boss
from tests.journeys.test_admin_pages import signed_in
from tests.journeys.test_looks import look_over
from tests.support.carrier import StandInCarrier
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_a_label_is_bought_printed_and_handed_over(
    language: str, goods: Goods, boss: User, welcome: Callable[..., Shopper], request: Any, settings: Any
) -> None:
    made = order_of(ready_cart([goods.mug]))
    carrier: StandInCarrier = request.getfixturevalue("carrier")
    settings.LABEL_SECONDS = 20.0
    settings.SELLER_TAX_ID = "11.222.333/0001-81"
    clerk = signed_in(welcome(language, bypass_csp=True), boss)
    page, found = clerk.page, []
    clerk.open(reverse("admin:checkout_order_change", args=[made.pk]))
    page.get_by_role("link", name=clerk.words("Buy a label…")).click()
    expect(page.get_by_role("button", name=clerk.words("Buy the label"))).to_be_visible()
    found += look_over(page, "buying a label", in_the_dark="wcag2aa")
    page.get_by_role("button", name=clerk.words("Buy the label")).click()
    expect(page.locator(".messagelist .success")).to_have_text(clerk.words("The label is ready to print."))
    expect(page.get_by_role("link", name=clerk.words("Print"), exact=True)).to_be_visible()
    found += look_over(page, "an order with a label", in_the_dark="wcag2aa")
    assert len([label for label in carrier.labels if label["status"] == "generated"]) == 1
    page.get_by_role("button", name=clerk.words("Handed over")).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert Order.objects.get().status == OrderStatus.SHIPPED
    assert found == []
