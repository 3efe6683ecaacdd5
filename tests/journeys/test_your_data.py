"""People get at their own data by themselves: a copy of it, and their erasure, each by a mailed link."""

import json
import re
from collections.abc import Callable

import pytest
from django.core import mail
from playwright.sync_api import expect

from checkout.models import Order, OrderStatus
from config.personal_data.tasks import deal_with_data_requests
from tests.journeys.goods import Goods
from tests.journeys.shopper import Shopper
from tests.journeys.test_looks import look_over
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def follow_the_mailed_link(shopper: Shopper, wish: str) -> None:
    shopper.press(shopper.link("Your data"))
    shopper.page.get_by_label("E-mail").fill("Ana@Example.com")
    shopper.page.get_by_label(shopper.words(wish)).check()
    shopper.press(shopper.button("Send the link"))
    shopper.sees_heading("Check your e-mail")
    deal_with_data_requests()
    link = re.search(r"https?://\S+", mail.outbox[-1].body)
    assert link
    shopper.page.goto(link[0])


@pytest.mark.parametrize(("language", "phone"), [("pt-br", True), ("en", False)], ids=["phone", "desk"])
def test_a_guest_takes_a_copy_and_goes(
    welcome: Callable[..., Shopper], goods: Goods, language: str, phone: bool
) -> None:
    shopper = welcome(language, phone=phone)
    order = order_of(ready_cart([goods.mug]))
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.DELIVERED)
    shopper.open("/account/data/")
    shopper.press(shopper.button("Send the link"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found = look_over(shopper.page, "asked without an address")

    shopper.open("/help/")
    follow_the_mailed_link(shopper, "A copy of all that the shop knows of me")
    shopper.sees_heading("A copy of your data")
    found += look_over(shopper.page, "link to a copy")
    with shopper.page.expect_download() as download:
        shopper.press(shopper.button("Download my data"))
    known = json.loads(download.value.path().read_text())
    assert [one["number"] for one in known["orders"]] == [order.number]

    follow_the_mailed_link(shopper, "To have my data erased")
    shopper.sees_heading("Erase your data")
    found += look_over(shopper.page, "link to an erasure")
    link = shopper.page.url
    shopper.press(shopper.button("Erase my data"))
    shopper.sees_heading("Your data is being erased")
    deal_with_data_requests()
    order.refresh_from_db()
    assert (order.email, order.phone) == ("", "")
    shopper.page.goto(link)
    shopper.sees_heading("The link does not work any more")
    shopper.press(shopper.link("Ask for a new link"))
    shopper.sees_heading("Your data")
    assert found == []
