"""The order page: who may open it, what it shows at each status, and the lists that link to it."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout import services, shipments
from checkout.models import STORED, Order, OrderStatus, Shipment, ShipmentStatus
from checkout.services import mark_delivered, mark_shipped
from checkout.shipments import ParcelToPost, Tracking
from config.accounts import tasks as account_tasks
from config.accounts.models import SignUp
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import order_of
from tests.support.pages import Visitor
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps", "sandbox")]


def address_of(order: Order) -> str:
    return f"/orders/{order.number}/?token={order.token}"


@pytest.fixture
def order() -> Order:
    return order_of(ready_cart())


def signed_in(visitor: Visitor) -> int:
    user = UserFactory()
    visitor.open("/account/sign-in/").send("/account/sign-in/", email=user.email, password=PASSWORD)
    return user.pk


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=é"])
def test_without_its_token_an_order_is_404(visitor: Visitor, order: Order, query: str) -> None:
    for page in ("", "progress/", "return/"):
        assert visitor.open(f"/orders/{order.number}/{page}{query}").status == 404


def test_withdrawing_needs_the_token_too(visitor: Visitor, order: Order) -> None:
    assert visitor.client.post(f"/orders/{order.number}/another-way/").status_code == 404


def test_the_link_works_in_any_browser_and_any_case(visitor: Visitor, order: Order) -> None:
    assert visitor.open(address_of(order).replace(order.number, order.number.lower())).status == 200


def test_the_page_is_neither_indexed_nor_cached(visitor: Visitor, order: Order) -> None:
    page = visitor.open(address_of(order))
    assert '<meta name="robots" content="noindex">' in page.html
    assert "no-store" in page.response["Cache-Control"]


def test_the_header_counts_what_is_in_the_cart_of_this_browser(visitor: Visitor, order: Order) -> None:
    other = ProductFactory(stock=5)
    visitor.open(f"/products/{other.slug}/").send("/cart/add/", quantity="3")
    assert "Cart, 3 items" in visitor.open(address_of(order)).html


def test_the_page_follows_the_parcel(visitor: Visitor, order: Order) -> None:
    assert "Thank you! Your order is paid." in visitor.open(address_of(order)).html
    mark_shipped(order)
    assert "Your order is on its way" in visitor.open(address_of(order)).html
    mark_delivered(Order.objects.get())
    assert "Delivered. Enjoy!" in visitor.open(address_of(order)).html


class TestParcels:
    CORREIOS = Tracking("Correios", "SEDEX", "QB123456789BR")

    def test_each_shows_what_is_in_it_and_where_it_is(self, visitor: Visitor) -> None:
        order = order_of(ready_cart(2, quantity=2))
        first, second = order.lines.order_by("pk")
        assert "Your parcel" not in visitor.open(address_of(order)).html
        shipments.post_parcel(order, ParcelToPost(self.CORREIOS, {first.pk: 2}))
        page = visitor.open(address_of(order)).html
        assert "Part of your order is on its way" in page
        assert "Partly on its way" in page
        assert "What is in none of these parcels comes in another one." in page
        assert 'href="https://rastreamento.correios.com.br/app/index.php?objetos=QB123456789BR"' in page
        parcels = page[page.index("Your parcel") : page.index("What is in none")]
        assert first.name in parcels
        assert second.name not in parcels
        shipments.post_parcel(order, ParcelToPost())
        page = visitor.open(address_of(order)).html
        assert "Your order is on its way" in page
        assert "Your 2 parcels" in page
        assert "comes in another one" not in page

    def test_what_the_carrier_says_is_shown_as_text(self, visitor: Visitor, order: Order) -> None:
        shipments.post_parcel(order, ParcelToPost(Tracking("<b>Correios", "", "AA1", "https://example.com/?a=1&b=2")))
        shipments.record_news(Shipment.objects.get(), ShipmentStatus.UNDELIVERED, text="<i>Ausente")
        page = visitor.open(address_of(order)).html
        assert "&lt;b&gt;Correios" in page
        assert "&lt;i&gt;Ausente" in page
        assert "?a=1&amp;b=2" in page
        assert "Delivery failed" in page

    @pytest.mark.parametrize(("language", "words"), [("en", "Your parcel"), ("pt-br", "Seu pacote")])
    def test_in_both_languages(self, order: Order, language: str, words: str) -> None:
        shipments.post_parcel(order, ParcelToPost(self.CORREIOS))
        page = Client(headers={"Accept-Language": language}).get(address_of(order)).content.decode()
        assert words in page

    def test_statements_do_not_grow_with_parcels(self, visitor: Visitor) -> None:
        counts = []
        for parcels in (1, 4):
            order = order_of(ready_cart(parcels))
            for line in order.lines.all():
                shipments.post_parcel(order, ParcelToPost(units={line.pk: 1}))
            with CaptureQueriesContext(connection) as queries:
                assert visitor.open(address_of(order)).html.count('class="parcel ') == parcels
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 7


@pytest.mark.parametrize(
    ("status", "words"),
    [(OrderStatus.CANCELLED, "This order was not completed"), (OrderStatus.REFUNDED, "Your refund is on its way")],
)
def test_the_page_shows_the_final_status(visitor: Visitor, order: Order, status: OrderStatus, words: str) -> None:
    Order.objects.update(status=status)
    assert words in visitor.open(address_of(order)).html


@pytest.mark.parametrize("language", ["en", "pt-br"])
@pytest.mark.parametrize("status", [status for status in STORED if status != OrderStatus.AWAITING_PAYMENT])
def test_only_a_paid_order_has_its_confirmation_on_the_way(order: Order, status: OrderStatus, language: str) -> None:
    Order.objects.update(status=status)
    told = Client(headers={"Accept-Language": language}).get(address_of(order)).content.decode()
    announced = "A confirmação vai para" if language == "pt-br" else "The confirmation goes to"
    assert (announced in told) is (status == OrderStatus.PAID)
    assert order.number in told


def test_a_guest_is_offered_an_account_by_mail(visitor: Visitor, order: Order) -> None:
    form = visitor.open(address_of(order)).form("/account/sign-up/")
    assert form.fields["email"] == "ana@example.com"
    page = visitor.open(address_of(order)).send("/account/sign-up/")
    assert (page.status, page.url) == (200, "/account/sign-up/sent/")


def test_whoever_proves_the_address_sees_the_orders_of_every_browser(
    visitor: Visitor, mailoutbox: list[Any], settings: Any
) -> None:
    elsewhere, of_another = order_of(ready_cart()), order_of(ready_cart())
    Order.objects.filter(pk=of_another.pk).update(email="bia@example.com")
    visitor.open("/account/sign-up/").send("/account/sign-up/", email="Ana@example.com")
    account_tasks.send_sign_up(str(SignUp.objects.get().pk))
    (link,) = re.findall(rf"{settings.SITE_URL}(/account/sign-up/\S+)", mailoutbox[-1].body)
    page = visitor.open(link).send(link, full_name="Ana Souza", password="uma-senha-bem-longa")
    assert page.url == "/orders/"
    assert elsewhere.number in page.html
    assert of_another.number not in page.html


def test_my_orders_shows_only_mine(visitor: Visitor, order: Order) -> None:
    assert visitor.open("/orders/").url == "/account/sign-in/"
    user_id = signed_in(visitor)
    assert "No orders yet" in visitor.open("/orders/").html
    mine = order_of(ready_cart(user_id=user_id))
    page = visitor.open("/orders/")
    assert mine.number in page.html
    assert order.number not in page.html
    assert visitor.open(f"/orders/{mine.number}/").status == 200
    assert visitor.open(f"/orders/{order.number}/").status == 404


def test_statements_of_my_orders_do_not_grow(visitor: Visitor) -> None:
    user_id = signed_in(visitor)
    counts = []
    for more in (2, 8):
        for _ in range(more):
            order_of(ready_cart(3, user_id=user_id))
        visitor.open("/orders/")
        with CaptureQueriesContext(connection) as queries:
            visitor.open("/orders/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_statements_of_the_order_page_do_not_grow(visitor: Visitor) -> None:
    counts = []
    for lines in (2, 50):
        order = order_of(ready_cart(lines))
        with CaptureQueriesContext(connection) as queries:
            assert visitor.open(address_of(order)).html.count("× 1") == lines
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_an_order_is_found_by_number_and_e_mail(visitor: Visitor, order: Order) -> None:
    form = visitor.open("/orders/find/")
    page = form.send("/orders/find/", number=f" #{order.number.lower()} ", email="ANA@example.com")
    assert page.url == f"/orders/{order.number}/"
    assert "Thank you!" in page.html


def test_a_wrong_e_mail_finds_nothing_and_keeps_the_input(visitor: Visitor, order: Order) -> None:
    page = visitor.open("/orders/find/").send("/orders/find/", number=order.number, email="eva@example.com")
    assert page.status == 422
    assert page.form("/orders/find/").fields["number"] == order.number
    assert "We could not find an order with this number and e-mail" in page.html


def test_a_refund_is_told_as_it_stands(sandbox: Sandbox) -> None:
    """Paid, failed, on its way; one that failed is no longer told once a later one makes up for it."""

    def refund(amount: str, key: str) -> str:
        services.refund_order(made, amount=Decimal(amount), reason="torn", restock=False, idempotency_key=key)
        return Client(headers={"Accept-Language": "en"}).get(address_of(made)).content.decode()

    made = order_of(ready_cart())
    assert "paid back" in refund("5.00", "first")
    sandbox.fault("refunds_refused", times=1)
    assert "did not go through" in refund("6.00", "second")
    sandbox.fault("refunds_pending", seconds=3600, times=1)
    told = refund("6.00", "third")
    assert "on its way" in told
    assert "did not go through" not in told
