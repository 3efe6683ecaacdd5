"""Errors are shown where they occur, input is kept, and nothing is charged without a new confirmation."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from checkout.models import Order
from inventory import services as inventory
from tests.journeys.goods import Goods, hand_over, raise_price
from tests.journeys.shopper import GOOD_CARD, Shopper
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.orders import stock_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def at_payment(shopper: Shopper, goods: Goods) -> None:
    hand_over(ready_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    shopper.is_asked_to_pay()


def test_an_empty_form_lists_and_links_the_missing_fields(welcome: Callable[..., Shopper], goods: Goods) -> None:
    shopper = welcome("pt-br", phone=True)
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    shopper.field("Full name").fill("Ana")
    shopper.press(shopper.button("Continue to delivery"))
    summary = shopper.page.locator("#errors")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_text([
        "E-mail", "CEP", "Rua", "Número", "Bairro", "Cidade", "Estado",
    ])  # fmt: skip
    street = shopper.field("Street")
    expect(street).to_have_attribute("aria-invalid", "true")
    expect(street).to_have_accessible_description(re.compile("Digite a rua ou avenida"))
    shopper.press(summary.get_by_role("link", name="Rua"))
    expect(street).to_be_focused()
    expect(shopper.field("Full name")).to_have_value("Ana")


def test_a_field_is_checked_on_blur_and_its_error_clears_when_fixed(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    email = shopper.field("E-mail")
    email.press_sequentially("ana@")
    expect(email).not_to_have_attribute("aria-invalid", "true")
    email.press("Tab")
    expect(email).to_have_accessible_description(re.compile("parece incompleto"))
    email.fill("ana@example.com")
    expect(email).not_to_have_attribute("aria-invalid", "true")


def test_input_survives_a_reload_and_going_back(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    shopper.field("Full name").fill("Ana Souza")
    shopper.field("Street").fill("Avenida Paulista")
    shopper.page.reload()
    expect(shopper.field("Full name")).to_have_value("Ana Souza")
    shopper.open("/cart/")
    shopper.page.go_back()
    expect(shopper.field("Street")).to_have_value("Avenida Paulista")


def test_an_incomplete_cep_is_explained_at_its_field(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/cart/")
    shopper.ask_for_delivery_to("0131")
    field = shopper.page.get_by_label(shopper.words("CEP (postal code)"))
    expect(field).to_have_value("0131")
    expect(field).to_have_accessible_description(re.compile("8 (dígitos|números)"))
    shopper.ask_for_delivery_to("01310-200")
    expect(shopper.page.get_by_role("radio", checked=True)).to_be_visible()


def test_exceeding_the_stock_shows_how_many_are_left(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.hammock]), shopper)
    shopper.open("/cart/")
    shopper.set_quantity(goods.hammock.name, 9)
    shopper.sees("Only %(free)d left. Choose %(free)d or fewer.", free=3)
    expect(shopper.quantity_of(goods.hammock.name)).to_have_value("1")
    shopper.sees_total("R$ 1.234,56")
    shopper.set_quantity(goods.hammock.name, 3)
    shopper.sees_total("R$ 3.703,68")


def test_the_product_page_refuses_to_exceed_the_stock(shopper: Shopper, goods: Goods) -> None:
    shopper.open("/products/rede/")
    shopper.page.get_by_role("spinbutton").fill("4")
    shopper.press(shopper.button("Add to cart"))
    shopper.sees("Only %(free)d left. Choose %(free)d or fewer.", free=3)
    shopper.counts_in_cart(0)


def test_sold_out_between_cart_and_payment(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    hand_over(ready_cart([goods.mug, goods.hammock]), shopper)
    shopper.open("/checkout/")
    shopper.is_asked_to_pay()
    shopper.type_card(GOOD_CARD)
    inventory.set_stock(goods.hammock.sku, 0)
    shopper.press(shopper.pay_button)
    shopper.sees_heading("Your cart")
    shopper.sees("Your cart has just changed. Nothing was charged. Please check it again.")
    shopper.sees("Sold out. Remove it to continue, or come back later: it stays in your cart.")
    expect(shopper.link("Check out")).to_have_count(0)
    assert sandbox.ledger()["captured"] == 0
    shopper.press(shopper.button("Remove %(name)s", name=goods.hammock.name))
    shopper.check_out()
    if shopper.page.locator("#delivery.step--open").count():
        shopper.choose_delivery()
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    assert stock_of(goods.mug) == (11, 0)


def test_a_higher_price_has_to_be_confirmed(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    at_payment(shopper, goods)
    before = shopper.total()
    shopper.type_card(GOOD_CARD)
    raise_price(goods.mug, "59.90")
    shopper.press(shopper.pay_button)
    alert = shopper.page.locator("#errors")
    expect(alert).to_contain_text(before)
    after = shopper.total()
    assert after != before
    expect(alert).to_contain_text(after)
    expect(alert).to_contain_text("Nada foi cobrado")
    expect(shopper.pay_button).to_have_text(f"Pagar {after}")
    assert sandbox.ledger()["captured"] == 0
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    shopper.sees_total(after)
    assert shopper.money(Order.objects.get(status="paid").total) == after


def test_a_provider_outage_is_explained(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    at_payment(shopper, goods)
    shopper.type_card(GOOD_CARD)
    sandbox.fault("error", error_status=429, path="/v1/payment_intents", method="POST")
    shopper.press(shopper.pay_button)
    expect(shopper.page.locator("#errors")).to_be_visible()
    expect(shopper.pay_button).to_be_visible()
    sandbox.no_faults()
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
