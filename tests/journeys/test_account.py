"""Account holders find their cart and orders again; and every page is fully translated."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import expect

from config.accounts.models import ApiToken, User
from shipping.models import SavedAddress
from tests.journeys.goods import Goods, hand_over
from tests.journeys.shopper import GOOD_CARD, Shopper
from tests.journeys.test_looks import look_over
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_guests_cart_is_merged_at_sign_in(welcome: Callable[..., Shopper], goods: Goods) -> None:
    shopper = welcome("pt-br", phone=True)
    user = UserFactory(email="ana@example.com")
    filled_cart([goods.hammock], user_id=user.pk)
    shopper.open("/products/caneca/")
    shopper.put_into_cart()
    shopper.press(shopper.link("Sign in"))
    shopper.sign_in("ana@example.com", "not-the-password")
    expect(shopper.page.locator("#errors")).to_be_visible()
    expect(shopper.page.get_by_label("E-mail")).to_have_value("ana@example.com")
    shopper.sign_in("ana@example.com", PASSWORD)
    shopper.sees_heading("My orders")
    shopper.counts_in_cart(2)
    shopper.go_to_cart()
    expect(shopper.quantity_of("Caneca esmaltada")).to_have_value("1")
    expect(shopper.quantity_of(goods.hammock.name)).to_have_value("1")
    shopper.press(shopper.button("Sign out"))
    shopper.sees("You have signed out. See you soon.")
    shopper.counts_in_cart(0)
    shopper.open("/orders/")
    shopper.sees_heading("Sign in")


def test_a_member_buys_and_finds_the_order_again(shopper: Shopper, goods: Goods) -> None:
    user = UserFactory(email="ana@example.com", full_name="Ana Souza")
    first = order_of(ready_cart([goods.mug], user_id=user.pk))
    shopper.open("/account/sign-in/?next=/products/caneca/")
    shopper.sign_in("ana@example.com", PASSWORD)
    shopper.put_into_cart()
    shopper.go_to_cart()
    shopper.check_out()
    # Prefilled with the address of the last order.
    expect(shopper.field("E-mail")).to_have_value("ana@example.com")
    expect(shopper.field("Street")).to_have_value("Avenida Paulista")
    shopper.press(shopper.button("Continue to delivery"))
    shopper.choose_delivery()
    shopper.pay_by_card(GOOD_CARD)
    number = shopper.is_thanked()
    shopper.open("/orders/")
    expect(shopper.page.locator(".order-row")).to_have_count(2)
    for known in (number, first.number):
        shopper.sees("Order %(number)s", number=known)
    shopper.press(shopper.page.get_by_role("link", name=number))
    assert shopper.is_thanked() == number


def test_a_guest_creates_an_account_from_the_order(shopper: Shopper, goods: Goods) -> None:
    elsewhere = order_of(ready_cart([goods.mug]))
    hand_over(ready_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    shopper.pay_by_card(GOOD_CARD)
    number = shopper.is_thanked()
    shopper.press(shopper.button("Create an account"))
    shopper.opens_the_mailed_account("Ana Souza")
    assert User.objects.get().email == "ana@example.com"
    # What was ordered in another browser with this address is there too.
    for known in (number, elsewhere.number):
        shopper.sees("Order %(number)s", number=known)
    shopper.open("/orders/find/")
    shopper.page.get_by_label(shopper.words("Order number")).fill(f"#{number.lower()}")
    shopper.page.get_by_label("E-mail").fill("ANA@example.com")
    shopper.press(shopper.button("Show my order"))
    assert shopper.is_thanked() == number


def test_signing_up_keeps_the_cart_and_the_input(welcome: Callable[..., Shopper], goods: Goods) -> None:
    shopper = welcome("en", phone=True)
    shopper.open("/products/caneca/")
    shopper.put_into_cart()
    shopper.open("/account/sign-up/")
    shopper.page.get_by_label("E-mail").fill("ana@example")
    shopper.press(shopper.button("Send the link"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    expect(shopper.page.get_by_label("E-mail")).to_have_value("ana@example")
    shopper.page.get_by_label("E-mail").fill("ana@example.com")
    shopper.press(shopper.button("Send the link"))
    shopper.opens_the_mailed_account("Ana Souza")
    shopper.counts_in_cart(1)


def test_a_stolen_phone_is_signed_out(shopper: Shopper, goods: Goods) -> None:
    user = UserFactory(email="ana@example.com")
    phone, tablet = (Client(headers={"authorization": f"Token {key}"}) for key in ("phone", "tablet"))
    ApiToken.objects.keep(user, "phone", name="Moto G de Ana")
    ApiToken.objects.keep(user, "tablet", name="Tablet")
    assert [app.get("/api/v1/me/").status_code for app in (phone, tablet)] == [200, 200]
    shopper.open("/account/sign-in/?next=/account/devices/")
    shopper.sign_in("ana@example.com", PASSWORD)
    shopper.sees_heading("My devices")
    stolen = shopper.page.locator("li", has_text="Moto G de Ana")
    shopper.press(stolen.get_by_role("button", name=shopper.words("Sign out")))
    shopper.sees("That device is signed out.")
    expect(stolen).to_have_count(0)
    assert [app.get("/api/v1/me/").status_code for app in (phone, tablet)] == [401, 200]


def test_a_saved_address_is_chosen_in_one_tap(welcome: Callable[..., Shopper], goods: Goods) -> None:
    shopper = welcome("pt-br", phone=True)
    user = UserFactory(email="ana@example.com", full_name="Ana Souza")
    shopper.open("/account/sign-in/?next=/products/caneca/")
    shopper.sign_in("ana@example.com", PASSWORD)
    shopper.put_into_cart()
    shopper.go_to_cart()
    shopper.check_out()
    shopper.page.get_by_label(shopper.words("Save this address for the next time")).check()
    shopper.tell_who_and_where()
    shopper.choose_delivery()
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    shopper.open("/products/caneca/")
    shopper.put_into_cart()
    shopper.go_to_cart()
    shopper.check_out()
    found = look_over(shopper.page, "checkout with an address book")
    shopper.press(shopper.page.get_by_role("button", name="Avenida Paulista"))
    shopper.choose_delivery()
    shopper.is_asked_to_pay()
    shopper.open("/account/addresses/")
    found += look_over(shopper.page, "address book")
    shopper.press(shopper.page.get_by_role("button", name=shopper.words("Remove")))
    shopper.sees_heading("No addresses saved")
    found += look_over(shopper.page, "empty address book")
    assert found == []
    assert not SavedAddress.objects.filter(user=user).exists()


ENGLISH = [
    "Add to cart", "Your cart", "Check out", "Delivery", "Total excluding", "Search", "Sign in", "Help",
    "Find my order", "Card details", "Change", "Remove ", "Quantity", "All products", "In stock", "Sold out", "Payment",
    "Review", "E-mail is", "Thank you", "What happens next", "Order ", "Products", "Placed", "Economy", "Password",
    "Create", "Continue", "optional", "Language",
]  # fmt: skip


def seen(shopper: Shopper) -> str:
    """All text on this page, visible or for screen readers, one item a line."""
    return shopper.page.evaluate(
        """() => [document.title, document.body.innerText, ...[...document.querySelectorAll("*")].flatMap(
            (part) => ["aria-label", "title", "placeholder", "alt"].map((name) => part.getAttribute(name)))
        ].filter(Boolean).join("\\n")"""
    )


def test_every_page_is_fully_portuguese(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    pages = [
        "/", "/?search=nada", "/products/caneca/", "/products/vaso/", "/cart/", "/account/sign-in/",
        "/account/sign-up/", "/account/password/", "/account/data/", "/account/data/sent/",
        "/account/data/erasing/", "/account/data/link/", "/orders/find/", "/help/", "/privacy/",
        "/terms/", "/exchange/", "/nowhere/",
    ]  # fmt: skip
    order = order_of(ready_cart([goods.mug]))
    pix = order_of(ready_cart([goods.mug]), "pix")
    pages += [f"/orders/{known.number}/?token={known.token}" for known in (order, pix)]
    pages.append(f"/orders/{order.number}/receipt/?token={order.token}")
    for number, path in enumerate([*pages, "/cart/", "/checkout/", "/checkout/?edit=contact"]):
        if number == len(pages):
            hand_over(ready_cart([goods.hammock]), shopper)
        shopper.open(path)
        expect(shopper.page.locator("html")).to_have_attribute("lang", "pt-BR")
        text = seen(shopper)
        # The switch to English is in English on purpose.
        lines = [line for line in text.splitlines() if "switch to English" not in line]
        left = [line for line in lines if line.startswith(tuple(ENGLISH))]
        assert left == [], path
        assert "R$ 1,234" not in text.replace("\u00a0", " "), path


def test_switching_the_language_keeps_the_page_and_the_cart(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.hammock]), shopper)
    shopper.open("/?search=rede&category=casa-e-cozinha")
    shopper.sees("R$ 1.234,56")
    shopper.switch_language("en")
    expect(shopper.page).to_have_url(f"{shopper.address}/?search=rede&category=casa-e-cozinha")
    shopper.sees("R$ 1,234.56")
    shopper.counts_in_cart(1)
    shopper.go_to_cart()
    shopper.sees_total("R$ 1,234.56")
    shopper.switch_language("pt-br")
    shopper.sees_heading("Your cart")
    expect(shopper.page.get_by_role("heading", level=1)).to_have_text("Seu carrinho")
    shopper.sees_total("R$ 1.234,56")
