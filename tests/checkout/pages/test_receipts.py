"""The receipt's page: who may open it, when there is one, and the PDF that it offers."""

from contextlib import suppress

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout.exceptions import PaymentDeclined
from checkout.models import Order, Receipt
from checkout.tasks import make_receipts
from tests.budgets.test_pages import products
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.orders import DECLINED, order_of
from tests.support.pages import Visitor
from tests.support.pdf import texts_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps", "sandbox")]


@pytest.fixture
def order() -> Order:
    return order_of(ready_cart())


def address_of(order: Order, page: str = "") -> str:
    return f"/orders/{order.number}/receipt/{page}?token={order.token}"


def test_the_order_leads_to_its_receipt_and_that_to_its_pdf(visitor: Visitor, order: Order) -> None:
    page = visitor.open(f"/orders/{order.number}/?token={order.token}")
    assert f'href="{address_of(order)}"' in page.html
    receipt = visitor.open(address_of(order))
    assert f"Receipt of order {order.number}" in receipt.html
    assert order.name in receipt.html
    assert f"CPF {order.masked_tax_id}" in receipt.html
    assert order.tax_id not in receipt.html
    waiting = receipt.send(address_of(order, "make/"))
    assert "The PDF is being made" in waiting.html
    assert visitor.open(address_of(order, "progress/")).status == 204
    make_receipts()
    assert visitor.open(address_of(order, "progress/")).response["HX-Refresh"] == "true"
    assert f'href="{address_of(order, "pdf/")}"' in visitor.open(address_of(order)).html
    file = visitor.client.get(address_of(order, "pdf/"))
    assert file["Content-Type"] == "application/pdf"
    assert file["Content-Disposition"] == f'attachment; filename="receipt-{order.number}.pdf"'
    assert "no-store" in file["Cache-Control"]
    assert order.number in texts_of(file.content)


def test_asking_twice_makes_it_once(visitor: Visitor, order: Order) -> None:
    for _ in range(2):
        visitor.client.post(address_of(order, "make/"))
    make_receipts()
    made_at = Receipt.objects.get().made_at
    visitor.client.post(address_of(order, "make/"))
    make_receipts()
    assert Receipt.objects.get().made_at == made_at


def test_each_language_has_its_own(order: Order) -> None:
    for language, words in (("en", "Receipt of order"), ("pt-br", "Recibo do pedido")):
        client = Client(headers={"accept-language": language})
        assert words in client.get(address_of(order)).content.decode()
        assert client.get(address_of(order, "pdf/")).status_code == 404
        client.post(address_of(order, "make/"))
        make_receipts()
        assert words in texts_of(client.get(address_of(order, "pdf/")).content)


@pytest.mark.parametrize("page", ["", "progress/", "pdf/"])
@pytest.mark.parametrize("query", ["", "?token=wrong"])
def test_without_the_orders_token_there_is_none(visitor: Visitor, order: Order, page: str, query: str) -> None:
    assert visitor.open(f"/orders/{order.number}/receipt/{page}{query}").status == 404
    assert visitor.client.post(f"/orders/{order.number}/receipt/make/{query}").status_code == 404
    assert not Receipt.objects.exists()


def test_its_owner_needs_no_token(visitor: Visitor) -> None:
    user = UserFactory()
    visitor.open("/account/sign-in/").send("/account/sign-in/", email=user.email, password=PASSWORD)
    order = order_of(ready_cart(user_id=user.pk))
    assert visitor.open(f"/orders/{order.number}/receipt/").status == 200
    assert visitor.client.post(f"/orders/{order.number}/receipt/make/").url == f"/orders/{order.number}/receipt/"


@pytest.mark.parametrize("method", [DECLINED, "pix"])
def test_an_order_that_is_not_paid_has_none(visitor: Visitor, method: str) -> None:
    with suppress(PaymentDeclined):  # the order stays, cancelled
        order_of(ready_cart(), method)
    unpaid = Order.objects.get()
    assert visitor.open(address_of(unpaid)).status == 404
    assert "/receipt/" not in visitor.open(f"/orders/{unpaid.number}/?token={unpaid.token}").html


def test_the_pages_take_four_statements_for_any_number_of_lines(visitor: Visitor) -> None:
    for number in (2, 50):
        order = order_of(ready_cart(products(number)))
        with CaptureQueriesContext(connection) as queries:
            assert visitor.open(address_of(order)).html.count("× 1") >= number
        assert len(queries) == 4


def test_its_page_asks_every_two_seconds_in_two_statements(visitor: Visitor, order: Order) -> None:
    visitor.client.post(address_of(order, "make/"))
    for status in (204, 200):
        with CaptureQueriesContext(connection) as queries:
            assert visitor.open(address_of(order, "progress/")).status == status
        assert len(queries) == 2, "the order, and the receipt without its PDF"
        make_receipts()
    assert "pdf" not in queries[-1]["sql"]
