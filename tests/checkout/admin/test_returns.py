"""Returns on an order's page: answered, inspected and paid back, each by those who may."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout import returns, services, shipments
from checkout.models import Order, OrderStatus, OutboxMessage, Return, ReturnStatus, Shipment, ShipmentStatus
from checkout.returns import Found
from payments.models import Refund, RefundStatus
from tests.support.backoffice import opened, page_of, told
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.staff import staff_with

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def placed() -> Order:
    """Two lines of two units each."""
    return order_of(ready_cart(2, quantity=2), language="en")


def asked(order: Order, *units: int, days_ago: int = 0) -> Return:
    if order.status == OrderStatus.PAID:
        services.mark_shipped(order)
        at = timezone.now() - timedelta(days=days_ago)
        shipments.record_news(Shipment.objects.get(), ShipmentStatus.DELIVERED, at=at)
    lines = [line.pk for line in order.lines.order_by("pk")]
    return returns.ask_return(order, dict(zip(lines, units, strict=False)), "Too small", key=uuid4())


def inspected(*units: int, **more: int) -> Return:
    made = asked(placed(), *units, **more)
    if made.status == ReturnStatus.REQUESTED:
        returns.answer_return(made, accepted=True, answer="")
    return returns.inspect_return(made, {line.order_line: Found(restocked=line.quantity) for line in made.contents})


def page(step: str, made: Return) -> str:
    return reverse(f"admin:checkout_order_return_{step}", args=[made.order_id, made.pk])


def confirmed(desk: Client, made: Return, *, with_freight: bool = False) -> dict[str, str]:
    """What the form of the page sends that pays back so much."""
    owed = desk.get(page("close", made)).context["owed"]
    if with_freight:
        return {"confirmed": str(owed.amount_with_freight), "with_freight": "1"}
    return {"confirmed": str(owed.amount)}


def test_the_orders_page_shows_it_and_what_to_do(desk: Client) -> None:
    made = asked(placed(), 1)
    html = desk.get(page_of(made.order)).content.decode()
    assert made.number in html
    assert "Too small" in html
    assert f"Withdrawal {made.number}" in html
    assert page("answer", made) in html
    assert page("inspect", made) in html
    assert page("close", made) not in html


@pytest.mark.parametrize(("do", "status"), [("accept", ReturnStatus.EXPECTED), ("refuse", ReturnStatus.REFUSED)])
def test_a_request_is_decided(desk: Client, do: str, status: ReturnStatus) -> None:
    made = asked(placed(), 1, days_ago=30)
    assert "you decide" in desk.get(page("answer", made)).content.decode()
    answer = desk.post(page("answer", made), {"answer": "Because.", "do": do}, follow=True)
    assert "by e-mail" in told(answer)[0]
    assert Return.objects.values_list("status", "answer").get() == (status, "Because.")
    assert OutboxMessage.objects.filter(kind="return_answered").exists()


def test_a_withdrawal_is_explained_and_not_refused(desk: Client) -> None:
    made = asked(placed(), 1)
    form = desk.get(page("answer", made)).content.decode()
    assert 'value="refuse"' not in form
    answer = desk.post(page("answer", made), {"answer": "No.", "do": "refuse"})
    assert answer.status_code == 409
    assert Return.objects.get().status == ReturnStatus.EXPECTED
    desk.post(page("answer", made), {"answer": "Code 123", "do": "accept"})
    assert Return.objects.get().answer == "Code 123"


@pytest.mark.parametrize("words", ["", "x" * 501, "a\nb"])
def test_an_answer_has_words(desk: Client, words: str) -> None:
    made = asked(placed(), 1)
    assert desk.post(page("answer", made), {"answer": words, "do": "accept"}).status_code == 409
    assert not OutboxMessage.objects.filter(kind="return_answered").exists()


def found(made: Return, restocked: Any, broken: Any = 0, missing: Any = 0) -> dict[str, Any]:
    line = made.contents[0].order_line
    return {f"restocked_{line}": restocked, f"broken_{line}": broken, f"missing_{line}": missing}


def test_what_came_back_is_recorded(desk: Client) -> None:
    made = asked(placed(), 2)
    line = made.contents[0].order_line
    assert f'name="restocked_{line}" value="2"' in desk.get(page("inspect", made)).content.decode()
    answer = desk.post(page("inspect", made), found(made, 1, 0, 1), follow=True)
    assert told(answer) == ["What came back is recorded. Its money can be paid back now."]
    assert Return.objects.get().status == ReturnStatus.INSPECTED
    assert page("close", made) in answer.content.decode()
    again = desk.post(page("inspect", made), found(made, 2))
    assert again.status_code == 409


@pytest.mark.parametrize("counts", [(0, 0, 0), (1, 0, 0), (2, 1, 0), (3, 0, 0), ("x", 1, 1), (-1, 2, 1)])
def test_units_that_do_not_add_up_are_refused(desk: Client, counts: tuple[Any, ...]) -> None:
    made = asked(placed(), 2)
    assert desk.post(page("inspect", made), found(made, *counts)).status_code == 409
    assert Return.objects.get().status == ReturnStatus.EXPECTED


def test_it_is_paid_back_once(desk: Client) -> None:
    made = inspected(1)
    price = made.order.lines.order_by("pk")[0].unit_price
    sent = confirmed(desk, made)
    assert sent == {"confirmed": str(price)}
    first = desk.post(page("close", made), sent, follow=True)
    assert "has been paid back" in told(first)[0]
    desk.post(page("close", made), sent)
    assert Refund.objects.get().amount == price
    assert Return.objects.get().status == ReturnStatus.CLOSED
    assert "There is nothing to do here now" in desk.get(page("close", made)).content.decode()


def test_while_the_provider_is_away_it_is_begun_and_paid_once(desk: Client) -> None:
    made = inspected(1)
    sent = confirmed(desk, made)
    with opened("stripe"):
        answer = desk.post(page("close", made), sent)
    assert answer.status_code == 409
    assert "There is nothing to do here now" in answer.content.decode()
    assert Refund.objects.get().status == RefundStatus.STARTED
    assert "Ask again" in desk.get(page_of(made.order)).content.decode()
    assert returns.close_return(made).refund is not None
    assert Refund.objects.get().status == RefundStatus.SUCCEEDED


def test_with_the_delivery_if_staff_say_so(desk: Client) -> None:
    made = inspected(1)
    order = made.order
    desk.post(page("close", made), confirmed(desk, made, with_freight=True))
    assert Refund.objects.get().amount == order.lines.order_by("pk")[0].unit_price + order.shipping_total


def test_all_of_it_needs_no_say(desk: Client) -> None:
    made = inspected(2, 2)
    html = desk.get(page("close", made)).content.decode()
    assert "with_freight" not in html
    desk.post(page("close", made), confirmed(desk, made))
    assert Refund.objects.get().amount == made.order.total
    assert Order.objects.get().status == OrderStatus.REFUNDED


@pytest.mark.parametrize("typed", ["", "1.00", "x", "NaN", "1e999999999"])
def test_an_amount_that_was_not_confirmed_is_not_paid(desk: Client, typed: str) -> None:
    made = inspected(1)
    answer = desk.post(page("close", made), {"confirmed": typed})
    assert answer.status_code == 409
    assert "Nothing was paid" in answer.content.decode()
    assert not Refund.objects.exists()


def test_what_is_left_of_the_payment_bounds_it(desk: Client) -> None:
    made = inspected(2, 2)
    order = made.order
    left = Decimal("3.00")
    services.refund_order(order, amount=order.total - left, reason="x", restock=False, idempotency_key="x")
    assert "of the payment is left" in desk.get(page("close", made)).content.decode()
    desk.post(page("close", made), confirmed(desk, made))
    assert Refund.objects.total() == order.total
    assert Return.objects.get().status == ReturnStatus.CLOSED


def test_with_nothing_left_it_is_closed(desk: Client) -> None:
    made = inspected(1)
    order = made.order
    services.refund_order(order, amount=order.total, reason="x", restock=False, idempotency_key="x")
    assert "Close without paying" in desk.get(page("close", made)).content.decode()
    answer = desk.post(page("close", made), confirmed(desk, made), follow=True)
    assert "Nothing was to be paid back" in told(answer)[0]
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("step", ["answer", "inspect", "close"])
def test_of_another_order_it_is_not_there(desk: Client, step: str) -> None:
    made = asked(placed(), 1)
    other = order_of(ready_cart())
    address = reverse(f"admin:checkout_order_return_{step}", args=[other.pk, made.pk])
    assert desk.get(address).status_code == 404


def test_each_button_for_those_who_may() -> None:
    made = asked(placed(), 1)
    offered = {
        permission: [step for step in ("answer", "inspect") if page(step, made) in html]
        for permission in ("answer_return", "inspect_return", "refund_order")
        for html in [
            staff_with("checkout.view_order", f"checkout.{permission}").get(page_of(made.order)).content.decode()
        ]
    }
    assert offered == {"answer_return": ["answer"], "inspect_return": ["inspect"], "refund_order": []}


def test_the_list_finds_what_is_to_be_dealt_with(desk: Client) -> None:
    made = asked(placed(), 1)
    order_of(ready_cart())
    address = reverse("admin:checkout_order_changelist")
    assert [row.pk for row in desk.get(f"{address}?returns=open").context["cl"].result_list] == [made.order_id]
    returns.inspect_return(made, {made.contents[0].order_line: Found(restocked=1)})
    returns.close_return(made)
    assert not desk.get(f"{address}?returns=open").context["cl"].result_list
