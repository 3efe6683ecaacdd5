"""A press that ends in an error says so where the finger is, names the cause and keeps what was typed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from playwright.sync_api import Locator, expect

from cart.models import CartLine
from config.middleware import NoNulInCookies
from tests.journeys.goods import Goods, hand_over
from tests.journeys.shopper import Shopper
from tests.journeys.test_looks import look_over
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import filled_cart, ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

# What Chromium and HTMX write about a request that failed on purpose.
EXPECTED = re.compile(
    r"console: (Response Status Error Code|Failed to load resource: net::|htmx:|/)|^(403|500|404) for "
)


@pytest.fixture
def shopper(welcome: Callable[..., Shopper]) -> Shopper:
    return welcome(expected=EXPECTED)


def notice(shopper: Shopper, cause: str) -> Locator:
    """The notice, in the shopper's language, read out by screen readers, and tied to the control."""
    found = shopper.page.locator(f".press[data-shows={cause}]")
    expect(found).to_be_visible()
    expect(found).to_be_in_viewport()
    expect(found).to_have_attribute("role", "alert")
    expect(shopper.page.locator(".press")).to_have_count(1)
    return found


def at_product(shopper: Shopper, quantity: int = 2) -> Locator:
    shopper.open("/products/caneca/")
    shopper.page.locator("input[name=quantity]").fill(str(quantity))
    return shopper.button("Add to cart")


def is_bought(shopper: Shopper, quantity: int) -> None:
    shopper.sees("Added to your cart. You now have %(quantity)s of these.", quantity=quantity)
    expect(shopper.page.locator(".press")).to_have_count(0)
    assert CartLine.objects.get().quantity == quantity


def keeps(shopper: Shopper, quantity: int) -> None:
    expect(shopper.page.locator("input[name=quantity]")).to_have_value(str(quantity))


def breaks(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise error

    for verb in ("start_cart", "add_line"):
        monkeypatch.setattr(f"cart.views.services.{verb}", broken)


@pytest.fixture
def loses_requests(shopper: Shopper) -> Callable[[str, str], None]:
    def lose(path: str, error: str) -> None:
        shopper.page.route(f"**{path}", lambda route: route.abort(error))

    return lose


def test_signing_in_in_another_tab_repeats_the_press_by_itself(shopper: Shopper, goods: Goods) -> None:
    """The token has rotated: 403, and nothing changed on the page."""
    person = UserFactory()
    add = at_product(shopper)
    other = shopper.page.context.new_page()
    other.goto(f"{shopper.address}/account/sign-in/")
    other.locator("#id_email").fill(person.email)
    other.locator("#id_password").fill(PASSWORD)
    other.locator("#id_password").press("Enter")
    other.wait_for_url(re.compile("/orders/"))
    shopper.press(add)
    is_bought(shopper, 2)
    assert CartLine.objects.get().cart.user == person
    # And from then on without detours.
    shopper.press(add)
    is_bought(shopper, 4)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_blocked_cookies_are_named(
    welcome: Callable[..., Shopper], goods: Goods, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """As if the browser sent none and kept none."""

    def without_cookies(self: NoNulInCookies, request: HttpRequest) -> HttpResponse:
        request.COOKIES.clear()
        response = self.get_response(request)
        response.cookies.clear()
        return response

    shopper = welcome(language, expected=EXPECTED)
    with monkeypatch.context() as patch:
        patch.setattr(NoNulInCookies, "__call__", without_cookies)
        shopper.press(at_product(shopper))
        words = {"pt-br": "Permita os cookies", "en": "Allow cookies"}[language]
        expect(notice(shopper, "cookies")).to_contain_text(words)
        keeps(shopper, 2)
    # They are allowed, and the same press works.
    shopper.press(shopper.button("Try again"))
    is_bought(shopper, 2)


def test_what_is_gone_is_named(shopper: Shopper, goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    add = at_product(shopper)
    breaks(monkeypatch, Http404())
    shopper.press(add)
    expect(notice(shopper, "gone")).to_contain_text("não existe mais")
    keeps(shopper, 2)
    expect(shopper.button("Try again")).to_be_hidden()
    shopper.press(shopper.button("Reload the page"))
    expect(shopper.page.locator(".press")).to_have_count(0)


def test_what_belongs_to_another_is_named(shopper: Shopper, goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    add = at_product(shopper)
    breaks(monkeypatch, PermissionDenied())
    shopper.press(add)
    expect(notice(shopper, "forbidden")).to_contain_text("pertence a outra conta")


def test_too_many_presses_say_how_long_to_wait(shopper: Shopper, goods: Goods, settings: Any) -> None:
    add = at_product(shopper)
    settings.RATE_LIMITS = {"writes": "0/s"}
    shopper.press(add)
    expect(notice(shopper, "wait")).to_contain_text("Espere 1 segundo e tente de novo.")
    keeps(shopper, 2)
    settings.RATE_LIMITS = {}
    again = shopper.button("Try again")
    expect(again).to_be_enabled()
    shopper.press(again)
    is_bought(shopper, 2)


def test_a_fault_of_ours_is_named_and_tried_again(
    shopper: Shopper, goods: Goods, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = at_product(shopper)
    with monkeypatch.context() as patch:
        breaks(patch, RuntimeError("on purpose"))
        shopper.press(add)
        shown = notice(shopper, "broken")
        expect(shown).to_contain_text("Não foi culpa sua")
        keeps(shopper, 2)
        expect(add).to_have_accessible_description(re.compile("Algo deu errado"))
        expect(add).not_to_have_attribute("aria-busy", "true")
        # Pressing the button itself is trying again, too: still broken, still one notice.
        shopper.press(add)
        notice(shopper, "broken")
    again = shopper.button("Try again")
    again.focus()
    again.press("Enter")
    is_bought(shopper, 2)
    expect(add).to_be_focused()


def test_offline_is_named(shopper: Shopper, goods: Goods) -> None:
    add = at_product(shopper)
    shopper.page.context.set_offline(True)
    shopper.press(add)
    expect(notice(shopper, "offline")).to_contain_text("sem internet")
    keeps(shopper, 2)
    shopper.page.context.set_offline(False)
    shopper.press(shopper.button("Try again"))
    is_bought(shopper, 2)


def test_a_shop_that_cannot_be_reached_is_named(
    shopper: Shopper, goods: Goods, loses_requests: Callable[[str, str], None]
) -> None:
    add = at_product(shopper)
    loses_requests("/cart/add/", "connectionrefused")
    shopper.press(add)
    expect(notice(shopper, "unreachable")).to_contain_text("Não conseguimos falar com a loja")
    shopper.page.unroute_all()
    shopper.press(shopper.button("Try again"))
    is_bought(shopper, 2)


def test_a_shop_that_is_away_is_named(shopper: Shopper, goods: Goods) -> None:
    """By the load balancer, whose answer is not ours."""
    add = at_product(shopper)
    shopper.page.route("**/cart/add/", lambda route: route.fulfill(status=503, body="<h1>503</h1>"))
    shopper.press(add)
    expect(notice(shopper, "away")).to_contain_text("fora do ar por um momento")


def test_a_time_out_is_named(shopper: Shopper, goods: Goods) -> None:
    add = at_product(shopper)
    assert shopper.page.evaluate("htmx.config.timeout") == 20_000
    shopper.page.evaluate("htmx.config.timeout = 300")
    shopper.page.route("**/cart/add/", lambda route: None)
    shopper.press(add)
    expect(notice(shopper, "timeout")).to_contain_text("demorou demais para responder")
    keeps(shopper, 2)
    shopper.page.unroute("**/cart/add/")
    shopper.page.evaluate("htmx.config.timeout = 20000")
    shopper.press(shopper.button("Try again"))
    is_bought(shopper, 2)


def test_a_changed_quantity_is_kept_and_sent_again(
    shopper: Shopper, goods: Goods, loses_requests: Callable[[str, str], None]
) -> None:
    hand_over(filled_cart([goods.mug, goods.hammock]), shopper)
    shopper.open("/cart/")
    loses_requests("/cart/line/**", "connectionreset")
    shopper.set_quantity(goods.mug.name, 3)
    notice(shopper, "unreachable")
    line = shopper.page.locator(".line", has_text=goods.mug.name)
    expect(line.locator(".press")).to_be_visible()
    with shopper.page.expect_event("requestfailed"):
        shopper.one_more_of(goods.mug.name)
    notice(shopper, "unreachable")
    expect(shopper.quantity_of(goods.mug.name)).to_have_value("4")
    shopper.page.unroute_all()
    shopper.press(shopper.button("Try again"))
    shopper.sees_total(shopper.money("1434.16"))
    expect(shopper.page.locator(".press")).to_have_count(0)
    # The button that removes a line is repeated as that button.
    loses_requests("/cart/line/**", "connectionreset")
    shopper.press(shopper.button("Remove %(name)s", name=goods.hammock.name))
    notice(shopper, "unreachable")
    shopper.page.unroute_all()
    shopper.press(shopper.button("Try again"))
    shopper.sees_total(shopper.money("199.60"))


def test_the_cep_is_kept(shopper: Shopper, goods: Goods, settings: Any) -> None:
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/cart/")
    settings.RATE_LIMITS = {"writes": "0/min"}
    shopper.ask_for_delivery_to("01310-200")
    notice(shopper, "wait")
    expect(shopper.page.get_by_label(shopper.words("CEP (postal code)"))).to_have_value("01310-200")


def test_an_order_page_that_gets_no_answer_says_so_and_recovers(shopper: Shopper, goods: Goods) -> None:
    order = order_of(ready_cart([goods.mug]), "pix")
    shopper.open(f"/orders/{order.number}/?token={order.token}")
    shopper.page.context.set_offline(True)
    expect(notice(shopper, "watching")).to_contain_text("Ela continua tentando")
    expect(shopper.page.locator(".press button:visible")).to_have_count(0)
    shopper.page.context.set_offline(False)
    expect(shopper.page.locator(".press")).to_have_count(0)


def test_offline_a_form_of_the_checkout_does_not_leave_the_page(shopper: Shopper, goods: Goods) -> None:
    hand_over(filled_cart([goods.mug]), shopper)
    shopper.open("/checkout/")
    shopper.field("Full name").fill("Ana Souza")
    shopper.page.context.set_offline(True)
    proceed = shopper.button("Continue to delivery")
    shopper.press(proceed)
    notice(shopper, "offline")
    expect(shopper.field("Full name")).to_have_value("Ana Souza")
    expect(proceed).not_to_have_attribute("aria-busy", "true")
    shopper.page.context.set_offline(False)
    shopper.press(shopper.button("Try again"))
    expect(shopper.page.locator("#errors")).to_be_visible()
    expect(shopper.field("Full name")).to_have_value("Ana Souza")


def test_without_scripts_the_pages_name_the_cause_and_send_it_again(
    welcome: Callable[..., Shopper], goods: Goods, settings: Any
) -> None:
    shopper = welcome(java_script_enabled=False, expected=EXPECTED)
    add = at_product(shopper)
    cookies = shopper.page.context.cookies()
    shopper.page.context.add_cookies(
        [{**cookie, "value": "y" * 32} for cookie in cookies if cookie["name"] == "csrftoken"]
    )  # type: ignore[misc]
    shopper.press(add)
    shopper.sees_heading("This page is out of date")
    settings.RATE_LIMITS = {"writes": "0/min"}
    shopper.press(shopper.button("Try again"))
    shopper.sees_heading("One moment, please")
    settings.RATE_LIMITS = {}
    shopper.press(shopper.button("Try again"))
    shopper.sees_heading("Your cart")
    assert CartLine.objects.get().quantity == 2


@pytest.mark.parametrize("phone", [False, True])
def test_notices_are_accessible_and_fit(
    welcome: Callable[..., Shopper], goods: Goods, settings: Any, phone: bool
) -> None:
    shopper = welcome(phone=phone, expected=EXPECTED)
    settings.RATE_LIMITS = {"writes": "0/min"}
    shopper.press(at_product(shopper))
    notice(shopper, "wait")
    found = look_over(shopper.page, "not put into the cart")
    hand_over(filled_cart([goods.mug, goods.hammock]), shopper)
    shopper.open("/cart/")
    shopper.one_more_of(goods.hammock.name)
    notice(shopper, "wait")
    found += look_over(shopper.page, "quantity not changed")
    assert found == []
