"""Freight prices are asked for as soon as it is known where to, while the shopper reads; and once for a parcel."""

from collections.abc import Iterator

import pytest
from django.test import Client

from cart import services
from cart.session import COOKIE
from inventory.models import Product
from shipping import carriers
from tests.cart.test_api import ADDRESS
from tests.support.carrier import StandInCarrier, at_most
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ADDRESS as PAULISTA
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.factories.shipping import SAO_PAULO, load_rates
from tests.support.orders import order_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

CONTACT = {**{name: ADDRESS[name] for name in ADDRESS if name != "country"}, "email": "ana@example.com", "phone": ""}


@pytest.fixture
def product() -> Product:
    load_rates()
    return ProductFactory(stock=5)


@pytest.fixture
def shopper(product: Product) -> Client:
    client = Client()
    client.post("/cart/add/", {"sku": product.sku, "quantity": "1"})
    return client


@pytest.fixture
def slow(carrier: StandInCarrier, settings) -> Iterator[StandInCarrier]:
    """Slower than any page that does not wait for it."""
    settings.CARRIER_SECONDS = 20
    carrier.fault("slow", latency_ms=2500)
    yield carrier
    eventually(lambda: carriers._ahead._room._value == carriers.AHEAD_AT_MOST)


def is_known(product: Product) -> bool:
    return carriers.cached_rates(services.parcel_of([(product, 1)], "BRL"), SAO_PAULO) is not None


def test_once_the_postal_code_is_typed(slow: StandInCarrier, shopper: Client, product: Product) -> None:
    with at_most(2.3):
        assert shopper.get("/cart/postal-code/", {"postal_code": "01310-200"}).status_code == 200
    assert not is_known(product)
    page = shopper.post("/checkout/contact/", CONTACT, follow=True)
    assert "Correios PAC" in page.content.decode()
    assert slow.calls == 1


def test_once_the_address_is_sent(slow: StandInCarrier, shopper: Client, product: Product) -> None:
    assert shopper.post("/checkout/contact/", CONTACT).status_code == 302
    assert not is_known(product)
    eventually(lambda: is_known(product))
    assert "Correios PAC" in shopper.get("/checkout/").content.decode()
    assert slow.calls == 1


@pytest.mark.usefixtures("sandbox")
def test_once_a_known_customer_opens_the_checkout(carrier: StandInCarrier, product: Product, settings) -> None:
    settings.MELHOR_ENVIO_API_BASE, base = "", settings.MELHOR_ENVIO_API_BASE
    user = UserFactory()
    order_of(ready_cart([ProductFactory(stock=5)], user_id=user.pk))
    settings.MELHOR_ENVIO_API_BASE = base
    client = Client()
    client.force_login(user)
    client.post("/cart/add/", {"sku": product.sku, "quantity": "1"})
    assert client.get("/checkout/").status_code == 200
    eventually(lambda: is_known(product))


def test_once_goods_are_added_for_a_known_place(carrier: StandInCarrier, shopper: Client, product: Product) -> None:
    token = shopper.cookies[COOKIE].value.split(":")[0]
    services.set_delivery(token, email="ana@example.com", phone="", address=PAULISTA)
    shopper.post("/cart/add/", {"sku": ProductFactory(stock=5).sku, "quantity": "1"})
    eventually(lambda: carrier.calls == 1)
    shopper.get("/cart/")
    assert carrier.calls == 1


def test_without_goods_or_a_postal_code_nothing_is_asked(carrier: StandInCarrier, shopper: Client) -> None:
    shopper.get("/checkout/")
    Client().get("/cart/postal-code/", {"postal_code": "01310-200"})
    services.ask_ahead(services.create_cart(), SAO_PAULO)
    assert carriers._ahead._room._value == carriers.AHEAD_AT_MOST
    assert carrier.calls == 0


@pytest.mark.parametrize("kind", ["error", "hang", "garbage"])
def test_a_carrier_that_fails_stops_nothing(
    carrier: StandInCarrier, shopper: Client, settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    settings.CARRIER_SECONDS = 0.4
    monkeypatch.setattr(carriers, "STORED_WITHIN_SECONDS", 8)
    carrier.fault(kind)
    shopper.get("/cart/postal-code/", {"postal_code": "01310-200"})
    with at_most(8):
        page = shopper.post("/checkout/contact/", CONTACT, follow=True)
    assert [option.code for option in page.context["options"]] == ["economica", "expressa"]
    assert carrier.calls == 1
