"""A guest buys: by card and with Pix, on desktop and phone, in both languages, and with 3-D Secure."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core import mail
from playwright.sync_api import expect

from checkout.models import Order
from payments.models import PaymentAttempt
from shipping.tax_ids import masked
from tests.journeys.conftest import Worker
from tests.journeys.goods import Goods, hand_over
from tests.journeys.shopper import ASKING_CARD, DECLINED_CARD, GOOD_CARD, Shopper
from tests.support.factories.cart import CPF, ready_cart
from tests.support.orders import eventually, order_of, stock_of
from tests.support.pdf import texts_of
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def to_payment(shopper: Shopper, goods: Goods) -> str:
    """Goes from the product page to the pay button; returns the displayed total."""
    shopper.open(f"/products/{goods.mug.slug}/")
    shopper.put_into_cart()
    shopper.go_to_cart()
    shopper.check_out()
    shopper.tell_who_and_where()
    shopper.choose_delivery()
    shopper.is_asked_to_pay()
    return shopper.total()


def captured(sandbox: Sandbox) -> Decimal:
    return Decimal(sandbox.ledger()["captured"]).scaleb(-2)


@pytest.mark.parametrize(("language", "phone"), [("pt-br", True), ("en", True), ("pt-br", False)])
def test_a_guest_buys_by_card(
    welcome: Callable[..., Shopper], goods: Goods, worker: Worker, sandbox: Sandbox, language: str, phone: bool
) -> None:
    shopper = welcome(language, phone=phone)
    shopper.open("/")
    shopper.search("caneca")
    shopper.look_at("Caneca esmaltada")
    shopper.put_into_cart()
    shopper.counts_in_cart(1)
    shopper.go_to_cart()
    shopper.one_more_of("Caneca esmaltada")
    shopper.sees_total(shopper.money("99.80"))
    shopper.counts_in_cart(2)
    expect(shopper.quantity_of("Caneca esmaltada")).to_have_value("2")

    shopper.ask_for_delivery_to("01310200")
    expect(shopper.page.get_by_role("radio", checked=True)).to_be_visible()
    total = shopper.total()
    assert total != shopper.money("99.80")

    shopper.check_out()
    shopper.tell_who_and_where()
    shopper.is_asked_to_pay()
    shopper.sees_total(total)
    expect(shopper.pay_button).to_have_text(shopper.words("Pay %(amount)s", amount=total))
    shopper.pay_by_card(GOOD_CARD)
    number = shopper.is_thanked()
    shopper.sees_total(total)
    shopper.counts_in_cart(0)

    order = Order.objects.get()
    assert order.number == number
    assert shopper.money(order.total) == total
    assert captured(sandbox) == order.total
    assert stock_of(goods.mug) == (10, 0)
    eventually(lambda: len(mail.outbox) == 1)
    assert number in mail.outbox[0].subject
    assert total in mail.outbox[0].body
    assert total in str(mail.outbox[0].alternatives[0][0])

    shopper.page.reload()
    assert shopper.is_thanked() == number
    shopper.page.go_back()
    assert shopper.is_thanked() == number
    shopper.open("/checkout/")
    assert shopper.is_thanked() == number
    shopper.page.context.clear_cookies()  # as if on another device, the next day
    shopper.open(re.search(r"/orders/\S+", mail.outbox[0].body)[0])
    assert shopper.is_thanked() == number
    assert Order.objects.count() == 1
    assert captured(sandbox) == order.total


@pytest.mark.parametrize(("language", "phone"), [("pt-br", True), ("en", False)])
def test_a_buyer_keeps_the_receipt(
    welcome: Callable[..., Shopper], goods: Goods, worker: Worker, language: str, phone: bool
) -> None:
    order = order_of(ready_cart([goods.mug]))
    shopper = welcome(language, phone=phone)
    shopper.open(f"/orders/{order.number}/?token={order.token}")
    shopper.press(shopper.link("Receipt"))
    shopper.sees_heading("Receipt of order %(number)s", number=order.number)
    shopper.sees(masked(CPF))
    shopper.press(shopper.button("Make a PDF"))
    download = shopper.link("Download the PDF")
    expect(download).to_be_visible()  # the page finds out by itself
    with shopper.page.expect_download() as saved:
        shopper.press(download)
    assert saved.value.suggested_filename.endswith(f"-{order.number}.pdf")
    texts = texts_of(Path(saved.value.path()).read_bytes())
    assert shopper.words("Receipt of order %(number)s", number=order.number) in texts
    assert shopper.money(order.total) in texts


def test_a_declined_card_is_not_charged_and_another_one_pays(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    total = to_payment(shopper, goods)
    shopper.pay_by_card(DECLINED_CARD)
    expect(shopper.page.get_by_role("alert").first).to_have_text(
        "Esse cartão foi recusado pelo banco. Nada foi cobrado. Tente outro cartão ou pague com Pix."
    )
    assert captured(sandbox) == 0
    shopper.sees_total(total)
    for kept in ("ana@example.com", "Ana Souza", "Avenida Paulista, 1000", "ap. 12", "01310-200"):
        expect(shopper.page.locator("#contact")).to_contain_text(kept)
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total
    assert stock_of(goods.mug) == (11, 0)


def test_a_card_number_with_a_typo_never_leaves_the_fields(shopper: Shopper, goods: Goods) -> None:
    to_payment(shopper, goods)
    shopper.pay_by_card("4242 4242 4242 4241")
    expect(shopper.page.locator("#card-error")).to_be_visible()
    expect(shopper.pay_button).not_to_have_attribute("aria-busy", "true")
    assert not Order.objects.exists()
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()


def test_three_d_secure_is_confirmed(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    total = to_payment(shopper, goods)
    shopper.pay_by_card(ASKING_CARD)
    shopper.answers_the_bank(yes=True)
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total


def test_three_d_secure_is_refused_then_paid_another_way(
    welcome: Callable[..., Shopper], goods: Goods, sandbox: Sandbox
) -> None:
    shopper = welcome("pt-br", phone=True)
    total = to_payment(shopper, goods)
    shopper.pay_by_card(ASKING_CARD)
    shopper.answers_the_bank(yes=False)
    shopper.sees("Your bank did not confirm the payment. Nothing was charged. Try again, or pay with Pix.")
    assert captured(sandbox) == 0
    assert stock_of(goods.mug) == (12, 0)
    shopper.sees_total(total)
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total


def test_the_shopper_returns_from_the_bank_without_answering(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    to_payment(shopper, goods)
    shopper.pay_by_card(ASKING_CARD)
    expect(shopper.page.get_by_role("button", name=re.compile("^Sim"))).to_be_visible()
    shopper.open("/checkout/")
    shopper.sees_heading("Your bank needs to confirm it is you")
    shopper.press(shopper.button("Pay another way"))
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    assert captured(sandbox) == Order.objects.get(status="paid").total


def test_pix_is_paid_in_another_tab_and_the_page_updates(
    welcome: Callable[..., Shopper], goods: Goods, worker: Worker, sandbox: Sandbox
) -> None:
    shopper = welcome("pt-br", phone=True)
    total = to_payment(shopper, goods)
    shopper.pay_with_pix()
    shopper.sees_heading("Pay %(amount)s with Pix", amount=total)
    expect(shopper.page.get_by_role("img", name=shopper.words("QR code for Pix"))).to_be_visible()
    code = shopper.page.get_by_label(shopper.words("Pix copy-and-paste code"))
    expect(code).to_have_value(re.compile("^000201.*br.gov.bcb.pix.*6304[0-9A-F]{4}$"))
    shopper.press(shopper.button("Copy code"))
    shopper.sees("Copied. Paste it into your bank's app.")
    assert stock_of(goods.mug) == (12, 1)

    attempt = PaymentAttempt.objects.get()
    shopper.pays_in_bank_app(sandbox.base_url, attempt.provider_reference)
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total
    assert stock_of(goods.mug) == (11, 0)
    confirmed = shopper.words("Your order %(number)s is confirmed", number=Order.objects.get().number)
    # The one with the code is sent as well, unless its turn comes after the payment.
    eventually(lambda: [sent.subject for sent in mail.outbox].count(confirmed) == 1)


def test_a_shopper_can_switch_from_pix_to_a_card(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    to_payment(shopper, goods)
    shopper.pay_with_pix()
    shopper.press(shopper.button("Pay another way"))
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    assert captured(sandbox) == Order.objects.get(status="paid").total


def test_a_lost_answer_is_looked_up_and_charged_once(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    total = to_payment(shopper, goods)
    shopper.type_card(GOOD_CARD)
    sandbox.fault("lost_answer", path="/v1/payment_intents", method="POST", times=1)
    shopper.press(shopper.pay_button)
    shopper.sees_heading("Checking with your bank")
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total
    assert Order.objects.get().status == "paid"
    assert stock_of(goods.mug) == (11, 0)


def test_a_double_click_is_one_order_and_one_charge(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    total = to_payment(shopper, goods)
    shopper.type_card(GOOD_CARD)
    shopper.pay_button.dblclick()
    shopper.is_thanked()
    assert Order.objects.count() == 1
    assert shopper.money(captured(sandbox)) == total
    assert stock_of(goods.mug) == (11, 0)


def test_pressing_again_while_waiting_charges_once(
    welcome: Callable[..., Shopper], goods: Goods, sandbox: Sandbox
) -> None:
    """Without scripts, so that nothing in the browser holds the second request back."""
    shopper = welcome("pt-br", java_script_enabled=False)
    hand_over(ready_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    total = shopper.total()
    shopper.choose_pix()
    sent: list[str] = []
    shopper.page.on("request", lambda request: sent.append(request.method))
    sandbox.fault("slow", latency_ms=1500, path="/v1/payment_intents", method="POST")
    shopper.pay_button.scroll_into_view_if_needed()
    box = shopper.pay_button.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with shopper.page.expect_request(lambda request: request.method == "POST"):
        shopper.page.mouse.click(*middle)
    shopper.page.mouse.click(*middle)
    shopper.sees_heading("Pay %(amount)s with Pix", amount=total)
    assert sent.count("POST") == 2
    assert Order.objects.count() == 1
    assert stock_of(goods.mug) == (12, 1)


def test_two_tabs_pay_one_order(shopper: Shopper, goods: Goods, sandbox: Sandbox) -> None:
    total = to_payment(shopper, goods)
    other = Shopper(shopper.page.context.new_page(), shopper.address, shopper.language)
    other.open("/checkout/")
    other.type_card(GOOD_CARD)
    shopper.pay_by_card(GOOD_CARD)
    number = shopper.is_thanked()
    other.press(other.pay_button)
    assert other.is_thanked() == number
    assert shopper.money(captured(sandbox)) == total


def test_without_scripts_everything_works_except_the_card_fields(
    welcome: Callable[..., Shopper], goods: Goods, worker: Worker, sandbox: Sandbox
) -> None:
    shopper = welcome("pt-br", phone=True, java_script_enabled=False)
    shopper.open("/")
    shopper.look_at("Caneca esmaltada")
    shopper.press(shopper.button("Add to cart"))
    shopper.sees_heading("Your cart")
    shopper.one_more_of("Caneca esmaltada")
    shopper.sees_total(shopper.money("99.80"))
    shopper.quantity_of("Caneca esmaltada").fill("3")
    shopper.press(shopper.button("Update"))
    shopper.sees_total(shopper.money("149.70"))
    shopper.ask_for_delivery_to("01310-200")
    expect(shopper.page.get_by_role("radio", checked=True)).to_be_visible()
    total = shopper.total()
    shopper.check_out()
    shopper.tell_who_and_where()
    shopper.is_asked_to_pay()
    shopper.sees_total(total)
    expect(shopper.page.locator("#payment noscript .notice")).to_be_visible()
    expect(shopper.page.locator("#card-fields")).to_be_hidden()
    shopper.pay_with_pix()
    shopper.sees_heading("Pay %(amount)s with Pix", amount=total)
    shopper.pays_in_bank_app(sandbox.base_url, PaymentAttempt.objects.get().provider_reference)
    shopper.is_thanked()
    assert shopper.money(captured(sandbox)) == total
