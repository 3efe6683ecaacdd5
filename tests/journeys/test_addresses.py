"""Who receives, and where: an address from its CEP, a CPF that nobody else sees."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from checkout.models import Order
from shipping import address_lookup
from tests.journeys.goods import Goods
from tests.journeys.shopper import GOOD_CARD, Shopper
from tests.support.carrier import StandInCarrier
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def at_the_address(shopper: Shopper, goods: Goods) -> None:
    shopper.open(f"/products/{goods.mug.slug}/")
    shopper.put_into_cart()
    shopper.go_to_cart()
    shopper.check_out()


@pytest.mark.parametrize(("language", "phone"), [("pt-br", True), ("en", False)])
def test_a_guest_with_a_cpf_types_no_more_than_cep_and_number(
    welcome: Callable[..., Shopper],
    goods: Goods,
    sandbox: Sandbox,
    look_up_services: StandInCarrier,
    language: str,
    phone: bool,
) -> None:
    shopper = welcome(language, phone=phone)
    at_the_address(shopper, goods)
    shopper.field("E-mail").fill("ana@example.com")
    shopper.field("Full name").fill("Ana Souza")
    shopper.field("CPF or CNPJ").fill("529.982.247-25")
    shopper.field("CEP (postal code)").press_sequentially("22021-001")
    expect(shopper.field("Number")).to_be_focused()
    shopper.sees("Address found. Please check the street and add the number.")
    shopper.page.keyboard.type("1702")
    shopper.press(shopper.button("Continue to delivery"))
    shopper.choose_delivery()
    expect(shopper.page.locator("#contact")).to_contain_text(
        "Ana Souza, ***.982.247-**, Avenida Atlântica, 1702, Copacabana, Rio de Janeiro – RJ, 22021-001"
    )
    shopper.pay_by_card(GOOD_CARD)
    shopper.is_thanked()
    expect(shopper.page.locator("main")).to_contain_text("CPF ***.982.247-**")
    order = Order.objects.get()
    assert (order.tax_id, order.street, order.street_number) == ("52998224725", "Avenida Atlântica", "1702")
    assert "52998224725" not in shopper.page.content().replace(".", "").replace("-", "")


def test_what_was_typed_stays_and_can_be_changed(
    shopper: Shopper, goods: Goods, look_up_services: StandInCarrier
) -> None:
    at_the_address(shopper, goods)
    shopper.field("District").fill("Cerqueira César")
    shopper.field("Number").fill("1578")
    shopper.field("CEP (postal code)").press_sequentially("01310200")
    expect(shopper.field("Street")).to_have_value("Avenida Paulista")
    expect(shopper.field("City")).to_have_value("São Paulo")
    expect(shopper.field("District")).to_have_value("Cerqueira César")
    expect(shopper.field("Number")).to_have_value("1578")
    for label in ("Street", "District", "City", "State"):
        expect(shopper.field(label)).to_be_editable()


def test_a_town_with_one_cep_asks_for_the_street(
    shopper: Shopper, goods: Goods, look_up_services: StandInCarrier
) -> None:
    at_the_address(shopper, goods)
    shopper.field("CEP (postal code)").press_sequentially("36325000")
    shopper.sees("One CEP for the whole town: please fill in the street and the district.")
    expect(shopper.field("Street")).to_be_focused()
    expect(shopper.field("City")).to_have_value("Tiradentes")
    expect(shopper.field("State")).to_have_value("MG")


def test_services_that_are_away_leave_the_form_as_it_is(
    shopper: Shopper, goods: Goods, look_up_services: StandInCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_lookup, "LOOKUP_SECONDS", 1.0)
    look_up_services.fault("hang", path="/viacep/", seconds=3)
    look_up_services.fault("error", path="/brasilapi/")
    at_the_address(shopper, goods)
    shopper.field("CEP (postal code)").press_sequentially("01310200")
    shopper.tell_who_and_where()
    shopper.choose_delivery()
    shopper.is_asked_to_pay()
