"""Every page, in normal and error states: accessible, in light and dark, and never wider than the screen."""

import gzip
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailConfirmationHMAC
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response, expect

from checkout.models import Shipment, ShipmentStatus
from checkout.returns import ask_return
from checkout.shipments import ParcelToPost, Tracking, post_parcel, record_news
from checkout.tasks import make_receipts
from config.accounts import services as accounts
from config.accounts.models import ApiToken, SignUp, digest_of
from inventory import services as inventory
from tests.journeys.goods import LONG_NAME, Goods, hand_over, raise_price
from tests.journeys.shopper import DECLINED_CARD, Shopper
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import filled_cart, flat_shipping, ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, order_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

WIDTHS = (320, 360, 390, 768, 1280)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def look_over(page: Page, what: str, in_the_dark: str = "cat.color") -> list[str]:
    """Problems of the current page, at each width, in light and, with fewer rules, in dark mode."""
    found = measure(page, what)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        # Only the colours differ in dark mode.
        for scheme, rules in (("light", RULES), ("dark", [in_the_dark])):
            page.emulate_media(color_scheme=scheme)
            found += [f"{what}, {scheme}, {width}px: {problem}" for problem in _barriers(page, rules)]
    return found


def measure(page: Page, what: str) -> list[str]:
    """Widths at which the page is wider than the screen."""
    found = []
    for screen in WIDTHS:
        page.set_viewport_size({"width": screen, "height": 844})
        width = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{what} at {screen}px is {width}px wide"] if width > screen else []
    return found


def _barriers(page: Page, rules: list[str]) -> Iterator[str]:
    """Serious and critical accessibility violations, each with its location."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    result: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    for violation in result["violations"]:
        if violation["impact"] in {"serious", "critical"}:
            places = [f"{node['failureSummary']} {node['html'][:120]}" for node in violation["nodes"][:3]]
            yield f"{violation['id']} ({violation['impact']}): {' '.join(places)}"


def test_planted_problems_are_found(page: Page) -> None:
    """Proves that an empty result elsewhere is meaningful."""
    page.set_content(
        "<html lang=en><title>x</title><style>body {background: white} @media (prefers-color-scheme: dark)"
        "{body {background: black}} p {color: #333} pre {width: 700px}</style><main><h1>x</h1><img src=x><p>words<pre>x"
    )
    found = " ".join(look_over(page, "planted"))
    assert "at 390px is" in found
    assert "at 768px is" not in found
    assert "light, 390px: image-alt (critical)" in found
    assert "dark, 1280px: color-contrast (serious)" in found
    assert "light, 390px: color-contrast" not in found


@pytest.mark.parametrize(
    "path",
    [
        "/", "/?search=nada-disso", "/?search=rede", "/products/rede/", "/products/vaso/", "/cart/",
        "/account/sign-in/", "/account/sign-up/", "/account/password/", "/account/data/", "/account/data/sent/",
        "/account/data/erasing/", "/account/data/link/", "/orders/find/", "/help/", "/privacy/",
        "/terms/", "/exchange/", "/nowhere/",
    ],
)  # fmt: skip
def test_public_pages(shopper: Shopper, goods: Goods, path: str) -> None:
    shopper.open(path)
    assert look_over(shopper.page, path) == []


def test_the_cart_in_all_its_states(shopper: Shopper, goods: Goods) -> None:
    cart = ready_cart([goods.mug, goods.hammock])
    hand_over(cart, shopper)
    shopper.open("/cart/")
    found = look_over(shopper.page, "cart")
    shopper.ask_for_delivery_to("0131")
    expect(shopper.page.locator(".field__error")).to_be_visible()
    found += look_over(shopper.page, "cart with a wrong CEP")
    shopper.set_quantity(goods.hammock.name, 9)
    expect(shopper.page.locator(".line__problem")).to_be_visible()
    found += look_over(shopper.page, "cart with too many")
    inventory.set_stock(goods.mug.sku, 0)
    shopper.open("/cart/")
    expect(shopper.page.locator(".line__problem").first).to_be_visible()
    found += look_over(shopper.page, "cart with a sold out line")
    assert found == []


def test_the_product_page_after_a_press(shopper: Shopper, goods: Goods) -> None:
    shopper.open("/products/rede/")
    shopper.put_into_cart()
    found = look_over(shopper.page, "put into the cart")
    shopper.page.locator("input[name=quantity]").fill("9")
    shopper.press(shopper.button("Add to cart"))
    expect(shopper.page.locator("#bought .notice--error")).to_be_visible()
    found += look_over(shopper.page, "not put into the cart")
    assert found == []


def test_the_checkout_in_all_its_states(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.mug, goods.hammock]), shopper)
    shopper.open("/checkout/")
    found = look_over(shopper.page, "contact")
    shopper.press(shopper.button("Continue to delivery"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "contact with errors")
    shopper.tell_who_and_where()
    expect(shopper.page.locator("#delivery.step--open")).to_be_visible()
    found += look_over(shopper.page, "delivery")
    shopper.choose_delivery()
    shopper.is_asked_to_pay()
    expect(shopper.card_fields.locator("#number")).to_be_visible()
    found += look_over(shopper.page, "payment")
    shopper.page.set_viewport_size({"width": 390, "height": 844})
    shopper.page.locator("details.bar summary").click()
    found += [f"summary open: {problem}" for problem in _barriers(shopper.page, RULES)]
    shopper.pay_by_card(DECLINED_CARD)
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "declined")
    shopper.choose_pix()
    raise_price(goods.mug, "59.90")
    shopper.press(shopper.pay_button)
    expect(shopper.page.locator("#errors")).to_contain_text(shopper.total())
    found += look_over(shopper.page, "price changed")
    assert found == []


def test_the_order_in_all_its_states(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    found = []
    paid = order_of(ready_cart([goods.mug, goods.hammock]))
    pix = order_of(ready_cart([goods.mug]), "pix")
    asked = order_of(ready_cart([goods.mug]), AUTHENTICATE)
    sandbox.fault("hang", path="/v1/payment_intents", method="GET", seconds=1)
    sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    unknown = order_of(ready_cart([goods.mug]))
    for order, name in [(paid, "paid"), (pix, "Pix"), (asked, "bank"), (unknown, "unknown")]:
        shopper.open(f"/orders/{order.number}/?token={order.token}")
        found += look_over(shopper.page, f"order: {name}")
    sandbox.no_faults()
    line = paid.lines.get(product=goods.hammock)
    address = "https://example.com/" + "rastreio-" * 20
    post_parcel(
        paid, ParcelToPost(Tracking("Expresso do Vale do São Francisco", "SEDEX", "A" * 60, address), {line.pk: 1})
    )
    shopper.open(f"/orders/{paid.number}/?token={paid.token}")
    found += look_over(shopper.page, "order: partly shipped")
    post_parcel(paid, ParcelToPost(Tracking("Correios", "PAC", "QB123456789BR")))
    for parcel in Shipment.objects.filter(order=paid):
        record_news(parcel, ShipmentStatus.RETURNED if parcel.service == "PAC" else ShipmentStatus.DELIVERED)
    shopper.open(f"/orders/{paid.number}/?token={paid.token}")
    found += look_over(shopper.page, "order: one parcel delivered, one returned")
    returning = f"/orders/{paid.number}/returns/?token={paid.token}"
    shopper.open(returning)
    found += look_over(shopper.page, "giving goods back")
    shopper.press(shopper.button("Withdraw from the purchase"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "giving goods back, with errors")
    for line in paid.lines.all():
        ask_return(paid, {line.pk: 1}, "serve " * 60, key=uuid4())
    shopper.open(returning)
    found += look_over(shopper.page, "nothing more to give back")
    shopper.open(f"/orders/{paid.number}/?token={paid.token}")
    found += look_over(shopper.page, "order: two returns")
    receipt = f"/orders/{paid.number}/receipt/?token={paid.token}"
    shopper.open(receipt)
    found += look_over(shopper.page, "receipt")
    shopper.press(shopper.button("Make a PDF"))
    found += look_over(shopper.page, "receipt: its PDF is being made")
    make_receipts()
    expect(shopper.link("Download the PDF")).to_be_visible()  # the page reloads by itself
    found += look_over(shopper.page, "receipt: its PDF is made")
    shopper.open(f"/orders/{pix.number}/?token={pix.token}")
    shopper.press(shopper.button("Pay another way"))
    shopper.open(f"/orders/{pix.number}/?token={pix.token}")
    shopper.sees_heading("This order was not completed")
    found += look_over(shopper.page, "order: cancelled")
    assert found == []


def test_the_account_in_all_its_states(shopper: Shopper, goods: Goods) -> None:
    user = UserFactory(email="ana@example.com")
    shopper.open("/account/sign-up/")
    shopper.press(shopper.button("Send the link"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found = look_over(shopper.page, "sign-up with errors")
    shopper.page.get_by_label("E-mail").fill("bia@example.com")
    shopper.press(shopper.button("Send the link"))
    shopper.sees_heading("Check your e-mail")
    found += look_over(shopper.page, "sign-up sent")
    SignUp.objects.update(digest=digest_of("a key"))
    shopper.open("/account/sign-up/a key/")
    shopper.press(shopper.button("Create account"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "account to be finished, with errors")
    shopper.open("/account/sign-up/another/")
    shopper.sees_heading("This link no longer works")
    found += look_over(shopper.page, "link that no longer works")
    shopper.open("/orders/find/")
    shopper.press(shopper.button("Show my order"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "find my order with errors")
    shopper.open("/account/sign-in/")
    shopper.sign_in("ana@example.com", "wrong")
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "sign-in with errors")
    shopper.sign_in("ana@example.com", PASSWORD)
    shopper.sees_heading("My orders")
    found += look_over(shopper.page, "no orders")
    order_of(ready_cart([goods.mug], user_id=user.pk))
    order_of(ready_cart([goods.mug], user_id=user.pk), "pix")
    shopper.page.reload()
    expect(shopper.page.locator(".order-row")).to_have_count(2)
    found += look_over(shopper.page, "my orders")
    shopper.open("/account/devices/")
    shopper.sees_heading("My devices")
    found += look_over(shopper.page, "no devices")
    for key, name in (("a", "Moto G de Ana"), ("b", ""), ("c", LONG_NAME[:80])):
        ApiToken.objects.keep(user, key, name=name)
    shopper.page.reload()
    found += look_over(shopper.page, "devices")
    key = EmailConfirmationHMAC.create(accounts.address_to_prove(user)).key
    for link, heading in ((key, "Confirm your e-mail"), ("another", "This link no longer works")):
        shopper.open(f"/account/confirm/{link}/")
        shopper.sees_heading(heading)
        found += look_over(shopper.page, f"confirmation: {heading}")
    shopper.open("/account/password/change/")
    shopper.press(shopper.button("Save the new password"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    found += look_over(shopper.page, "change of password, with errors")
    assert found == []


def test_the_first_page_is_light(shopper: Shopper, goods: Goods) -> None:
    """Under 50 kB over the wire, without pictures."""
    answers: list[Response] = []
    shopper.page.on("response", lambda answer: answers.append(answer))
    shopper.open("/")
    shopper.page.wait_for_load_state("networkidle")
    sizes = {answer.url: len(gzip.compress(answer.body())) for answer in answers if "/pictures/" not in answer.url}
    assert len(sizes) >= 2
    assert sum(sizes.values()) < 50_000, sizes


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_no_layout_shift_while_a_page_loads(welcome: Callable[..., Shopper], goods: Goods, phone: bool) -> None:
    shopper = welcome(phone=phone)
    shopper.page.add_init_script(
        "window.jumped = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => {"
        "jumped += entry.hadRecentInput ? 0 : entry.value})).observe({type: 'layout-shift', buffered: true})"
    )
    hand_over(ready_cart([goods.mug, goods.hammock]), shopper)
    for path in ("/", "/products/rede/", "/cart/", "/checkout/?edit=contact", "/checkout/"):
        shopper.open(path)
        shopper.page.wait_for_load_state("networkidle")
        assert shopper.page.evaluate("jumped") < 0.02, path


def test_the_skip_link_works_by_keyboard(shopper: Shopper, goods: Goods) -> None:
    shopper.open("/")
    shopper.page.keyboard.press("Tab")
    skip = shopper.link("Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    shopper.page.keyboard.press("Enter")
    expect(shopper.page.locator("main")).to_be_focused()


def test_fifty_lines_with_long_names(welcome: Callable[..., Shopper], goods: Goods) -> None:
    shopper = welcome("en")
    flat_shipping()
    small = {"stock": 3, "weight_grams": 50, "length_cm": 5, "width_cm": 5, "height_cm": 2}
    products = [ProductFactory(name=f"{LONG_NAME} {number}", **small) for number in range(50)]
    hand_over(ready_cart(products), shopper)
    shopper.open("/cart/")
    expect(shopper.page.locator(".line")).to_have_count(50)
    found = measure(shopper.page, "cart")
    shopper.open("/checkout/")
    shopper.is_asked_to_pay()
    found += measure(shopper.page, "checkout")
    # The button stays in view: a long cart scrolls inside its summary, not the page.
    shopper.pay_button.scroll_into_view_if_needed()
    expect(shopper.pay_button).to_be_in_viewport()
    shopper.pay_with_pix()
    expect(shopper.page).to_have_url(re.compile("/orders/"))
    found += measure(shopper.page, "order")
    assert found == []
