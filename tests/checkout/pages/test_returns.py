"""The page where shoppers give goods back, and what the order's page then shows."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout import returns, services, shipments
from checkout.models import Order, OrderStatus, Return, ReturnStatus, Shipment, ShipmentStatus
from checkout.returns import Found
from tests.support.factories.accounts import PASSWORD, UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.pages import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("static_files_from_apps", "sandbox")]


@pytest.fixture
def order() -> Order:
    """Two lines of two units each."""
    return order_of(ready_cart(2, quantity=2))


def page_of(order: Order, token: str | None = None) -> str:
    return f"/orders/{order.number}/returns/?token={order.token if token is None else token}"


def deliver(order: Order, days_ago: int = 0) -> None:
    services.mark_shipped(order)
    at = timezone.now() - timedelta(days=days_ago)
    shipments.record_news(Shipment.objects.get(order=order), ShipmentStatus.DELIVERED, at=at)


def names(order: Order) -> list[str]:
    return [f"line_{line.pk}" for line in order.lines.order_by("pk")]


def test_a_guest_returns_one_of_two_lines(visitor: Visitor, order: Order) -> None:
    deliver(order)
    order_page = visitor.open(f"/orders/{order.number}/?token={order.token}")
    assert f'href="{page_of(order)}"' in order_page.html
    page = visitor.open(page_of(order))
    assert "without giving a reason" in page.html
    first, second = names(order)
    after = page.send(page_of(order), **{first: "2", second: "0"}, reason="Too small")
    asked = Return.objects.with_contents().get()
    assert (asked.status, asked.by_right, asked.reason) == (ReturnStatus.EXPECTED, True, "Too small")
    assert [units.quantity for units in asked.contents] == [2]
    assert f"under the number {asked.number}" in after.html
    assert "Your return" in after.html
    assert "Accepted" in after.html
    again = visitor.open(page_of(order))
    assert first not in again.html
    assert second in again.html


def test_sending_it_twice_records_it_once(order: Order) -> None:
    deliver(order)
    client, key = Client(headers={"accept-language": "en"}), str(uuid4())
    for _ in range(2):
        answer = client.post(page_of(order), {names(order)[0]: "2", names(order)[1]: "0", "key": key, "reason": ""})
        assert answer.status_code == 302
        assert answer["Location"] == f"/orders/{order.number}/?token={order.token}"
    assert Return.objects.count() == 1


def test_before_it_is_sent(visitor: Visitor, order: Order) -> None:
    page = visitor.open(page_of(order))
    assert "until the end of the seventh day after delivery" in page.html
    after = page.send(page_of(order), **dict.fromkeys(names(order), "2"))
    assert "Your money comes next" in after.html
    assert "All of this order is being returned already" in visitor.open(page_of(order)).html


def test_later_it_is_a_request(visitor: Visitor, order: Order) -> None:
    deliver(order, days_ago=30)
    page = visitor.open(page_of(order))
    assert "Ask anyway" in page.html
    after = page.send(page_of(order), **dict.fromkeys(names(order), "1"))
    asked = Return.objects.get()
    assert (asked.status, asked.by_right) == (ReturnStatus.REQUESTED, False)
    assert "We are looking at it" in after.html
    returns.answer_return(asked, accepted=False, answer="It was used.")
    html = visitor.open(f"/orders/{order.number}/?token={order.token}").html
    assert "Not accepted" in html
    assert "It was used." in html


def test_nothing_chosen_is_said(visitor: Visitor, order: Order) -> None:
    page = visitor.open(page_of(order))
    after = page.send(page_of(order), **dict.fromkeys(names(order), "0"))
    assert after.status == 422
    assert "Choose what you return" in after.html
    assert not Return.objects.exists()


@pytest.mark.parametrize("typed", ["3", "-1", "x", "", "1.5"])
def test_no_more_than_there_is(visitor: Visitor, order: Order, typed: str) -> None:
    page = visitor.open(page_of(order))
    after = page.send(page_of(order), **{names(order)[0]: typed, names(order)[1]: "0"})
    assert after.status == 422
    assert not Return.objects.exists()


def test_a_single_unit_is_chosen_already(visitor: Visitor) -> None:
    order = order_of(ready_cart())
    visitor.open(page_of(order)).send(page_of(order))
    assert Return.objects.count() == 1


def test_nobody_else(visitor: Visitor, order: Order) -> None:
    for token in ("", "wrong", order_of(ready_cart()).token):
        assert visitor.open(page_of(order, token)).status == 404
        assert Client().post(page_of(order, token), {names(order)[0]: "1"}).status_code == 404
    assert not Return.objects.exists()


def test_its_owner_needs_no_token(visitor: Visitor) -> None:
    user = UserFactory()
    order = order_of(ready_cart(user_id=user.pk))
    visitor.open("/account/sign-in/").send("/account/sign-in/", email=user.email, password=PASSWORD)
    address = f"/orders/{order.number}/returns/"
    assert f'href="{address}"' in visitor.open(f"/orders/{order.number}/").html
    visitor.open(address).send(address)
    assert Return.objects.get().order_id == order.pk


@pytest.mark.parametrize("status", [OrderStatus.CANCELLING, OrderStatus.CANCELLED, OrderStatus.REFUNDED])
def test_not_once_the_money_goes_back(visitor: Visitor, order: Order, status: OrderStatus) -> None:
    Order.objects.update(status=status)
    assert "/returns/" not in visitor.open(f"/orders/{order.number}/?token={order.token}").html
    assert "Nothing of this order can be returned" in visitor.open(page_of(order)).html
    answer = Client(headers={"accept-language": "en"}).post(
        page_of(order), {"key": str(uuid4()), names(order)[0]: "1", "reason": ""}
    )
    assert answer.status_code == 422
    assert not Return.objects.exists()


def test_what_did_not_come_is_said(visitor: Visitor) -> None:
    order = order_of(ready_cart(quantity=2))
    deliver(order)
    line = order.lines.get().pk
    asked = returns.ask_return(order, {line: 2}, key=uuid4())
    returns.inspect_return(asked, {line: Found(restocked=1, missing=1)})
    returns.close_return(asked)
    html = visitor.open(f"/orders/{order.number}/?token={order.token}").html
    assert "1 did not come" in html
    assert "Done" in html


def test_one_statement_for_any_number_of_returns() -> None:
    def statements(number: int) -> int:
        order = order_of(ready_cart(4))
        deliver(order)
        for line in list(order.lines.all())[:number]:
            returns.ask_return(order, {line.pk: 1}, key=uuid4())
        client = Client()
        with CaptureQueriesContext(connection) as made:
            html = client.get(f"/orders/{order.number}/?token={order.token}").content.decode()
        assert html.count(f"{order.number}-") >= number
        return len(made)

    none, one, many = statements(0), statements(1), statements(4)
    assert one == many == none + 1


def test_in_portuguese(order: Order) -> None:
    client = Client(headers={"accept-language": "pt-br"})
    html = client.get(page_of(order)).content.decode()
    assert "Devolver" in html
    assert "Return" not in html
