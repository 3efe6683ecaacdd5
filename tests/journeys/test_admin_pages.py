"""Staff in a real browser, at phone and desktop width: an order found and refunded in four clicks."""

import re
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import expect

from checkout import services
from checkout.models import Order, OrderStatus
from checkout.returns import ask_return
from checkout.shipments import ParcelToPost, Tracking, post_parcel
from config.accounts.models import User
from inventory.models import Stock
from payments.models import Refund
from tests.journeys.goods import LONG_NAME, Goods
from tests.journeys.shopper import Shopper
from tests.journeys.test_looks import look_over
from tests.support.backoffice import dispute_of
from tests.support.factories.cart import ready_cart
from tests.support.orders import AUTHENTICATE, order_of
from tests.support.sandbox import Sandbox
from tests.support.staff import client_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def boss(shop: str) -> User:
    return User.objects.create(email="chefe@example.com", is_staff=True, is_superuser=True)


def signed_in(shopper: Shopper, person: User) -> Shopper:
    """Signs the browser in as this member of staff."""
    session = client_of(person).cookies[settings.SESSION_COOKIE_NAME].value
    shopper.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": shopper.address}])
    return shopper


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_an_order_leaves_in_two_parcels(
    language: str, width: int, goods: Goods, boss: User, welcome: Callable[..., Shopper]
) -> None:
    """One by hand, the other from a file; the shopper sees both."""
    made = order_of(ready_cart([goods.mug, goods.hammock]))
    clerk = signed_in(welcome(language, viewport={"width": width, "height": 740}), boss)
    page = clerk.page
    clerk.open(reverse("admin:checkout_order_change", args=[made.pk]))
    page.get_by_role("link", name=clerk.words("Record a parcel…")).click()
    page.get_by_label(LONG_NAME).fill("0")
    page.get_by_label(clerk.words("Carrier"), exact=True).fill("Correios")
    page.get_by_label(clerk.words("Tracking code")).fill("qb 123 456 789 br")
    page.get_by_role("button", name=clerk.words("Record the parcel")).click()
    expect(page.locator(".messagelist .success")).to_contain_text(clerk.words("partly shipped"))
    expect(page.get_by_role("link", name="QB123456789BR")).to_be_visible()
    clerk.open(reverse("admin:post_parcels"))
    listed = f"pedido;transportadora;código\n{made.number};Jadlog;1900\n"
    file = {"name": "postagens.csv", "mimeType": "text/csv", "buffer": listed.encode()}
    page.get_by_label(clerk.words("CSV file")).set_input_files([file])
    page.get_by_role("button", name=clerk.words("Preview")).click()
    expect(page.get_by_text(clerk.words("will be recorded"))).to_be_visible()
    assert Order.objects.get().shown_status == OrderStatus.PARTLY_SHIPPED
    page.locator("button[value=record]").click()
    expect(page.locator("button[value=record]")).to_have_count(0)
    assert Order.objects.get().shown_status == OrderStatus.SHIPPED
    clerk.open(f"/orders/{made.number}/?token={made.token}")
    expect(page.get_by_role("link", name=clerk.words("Track the parcel"))).to_have_count(2)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_an_order_is_found_and_refunded_in_four_clicks(
    language: str, width: int, goods: Goods, boss: User, welcome: Callable[..., Shopper]
) -> None:
    made, _other = order_of(ready_cart([goods.mug])), order_of(ready_cart([goods.mug]))
    clerk = signed_in(welcome(language, viewport={"width": width, "height": 740}), boss)
    page = clerk.page
    clerk.open("/admin/")
    page.get_by_label(clerk.words("Find an order")).fill(made.number)
    page.get_by_role("button", name=clerk.words("Find"), exact=True).click()
    page.get_by_role("link", name=clerk.words("Refund…")).click()
    page.get_by_label(clerk.words("Reason")).fill("veio quebrado")
    page.get_by_role("button", name=clerk.words("Review the refund")).click()
    total = clerk.money(made.total)
    expect(page.get_by_role("status")).to_contain_text(total)
    page.get_by_role("button", name=clerk.words("Refund %(amount)s now", amount=total)).click()
    expect(page.locator(".messagelist .success")).to_contain_text(made.number)
    assert Order.objects.get(pk=made.pk).status == OrderStatus.REFUNDED


def test_the_admin_pages_are_accessible(
    goods: Goods, boss: User, sandbox: Sandbox, welcome: Callable[..., Shopper]
) -> None:
    """Orders, refunds, disputes, money, stock and audit log: at each width, in light and dark."""
    made, _waiting = order_of(ready_cart([goods.mug, goods.hammock])), order_of(ready_cart([goods.mug]), AUTHENTICATE)
    services.mark_shipped(made, by=boss)
    sandbox.fault("refunds_refused", times=1)
    services.refund_order(made, amount=Decimal("7.00"), reason="torn", restock=False, idempotency_key="refused")
    refused = Refund.objects.get()
    dispute = dispute_of(order_of(ready_cart([goods.mug])))
    parted = order_of(ready_cart([goods.mug, goods.hammock]))
    post_parcel(parted, ParcelToPost(Tracking("Correios", "SEDEX", "QB123456789BR"), {parted.lines.first().pk: 1}))
    parcel = parted.shipments.get()
    asked = ask_return(made, {made.lines.first().pk: 1}, "não serviu", key=uuid4())
    withdrawn = order_of(ready_cart([goods.hammock]))
    here = ask_return(withdrawn, {withdrawn.lines.get().pk: 1}, key=uuid4())
    stock = Stock.objects.get(product=goods.mug)
    # axe injects inline styles, hence bypass_csp; the journey above checks that the pages themselves need none.
    # Nor does it get into the frame of a mail, which runs no scripts.
    expected = re.compile("Blocked script execution .* frame is sandboxed")
    clerk = signed_in(welcome("pt-br", bypass_csp=True, expected=expected), boss)
    found = []
    for name, arguments in {
        "checkout_order_changelist": [],
        "checkout_order_change": [made.pk],
        "checkout_order_mail": [made.pk, made.messages.get(kind="confirmation").pk],
        "checkout_order_refund": [made.pk],
        "checkout_order_return_answer": [made.pk, asked.pk],
        "checkout_order_return_inspect": [made.pk, asked.pk],
        "checkout_order_return_close": [withdrawn.pk, here.pk],
        "checkout_order_parcel": [parted.pk],
        "checkout_order_parcel_correct": [parted.pk, parcel.pk],
        "post_parcels": [],
        "checkout_order_by_hand": [made.pk, refused.pk],
        "payments_dispute_change": [dispute.pk],
        "money": [],
        "inventory_stock_changelist": [],
        "inventory_stock_change": [stock.pk],
        "audit_entry_changelist": [],
    }.items():
        clerk.open(reverse(f"admin:{name}", args=arguments))
        expect(clerk.page.locator("#content")).to_be_visible()
        # In dark mode, Django's own colours meet WCAG AA only.
        found += look_over(clerk.page, name, in_the_dark="wcag2aa")
    clerk.open(reverse("admin:checkout_order_refund", args=[made.pk]))
    clerk.page.get_by_label(clerk.words("Reason")).fill("veio quebrado")
    clerk.page.get_by_role("button", name=clerk.words("Review the refund")).click()
    expect(clerk.page.get_by_role("status")).to_be_visible()
    found += look_over(clerk.page, "confirming a refund", in_the_dark="wcag2aa")
    clerk.open(reverse("admin:checkout_order_change", args=[parted.pk]))
    found += look_over(clerk.page, "an order with parcels", in_the_dark="wcag2aa")
    clerk.open(reverse("admin:post_parcels"))
    listed = f"order,code\n{parted.number},AA1\nNADA,AA2\n{parted.number},QB123456789BR\n".encode()
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": listed}
    clerk.page.get_by_label(clerk.words("CSV file")).set_input_files([file])
    clerk.page.get_by_role("button", name=clerk.words("Preview")).click()
    expect(clerk.page.get_by_role("status")).to_be_visible()
    found += look_over(clerk.page, "a preview of parcels", in_the_dark="wcag2aa")
    assert found == []
