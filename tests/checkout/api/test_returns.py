"""POST orders/{number}/returns/."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import services, shipments
from checkout.models import Order, Return, Shipment, ShipmentStatus
from checkout.return_terms import end_of_right
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


@pytest.fixture
def order() -> Order:
    return order_of(ready_cart(2, quantity=2))


def deliver(order: Order, days_ago: int = 0) -> Any:
    services.mark_shipped(order)
    at = (timezone.now() - timedelta(days=days_ago)).replace(microsecond=0)
    shipments.record_news(Shipment.objects.get(), ShipmentStatus.DELIVERED, at=at)
    return end_of_right(at)


def skus(order: Order) -> list[str]:
    return [line.sku for line in order.lines.order_by("pk")]


def ask(app: App, order: Order, *units: int, **headers: str) -> Any:
    lines = [{"sku": sku, "quantity": count} for sku, count in zip(skus(order), units, strict=False)]
    body = {"lines": lines, "reason": headers.pop("reason", "")}
    return app.post(f"orders/{order.number}/returns/", body, **{"order_token": order.token, **headers})


def test_a_guest_gives_one_unit_back(app: App, order: Order) -> None:
    until = deliver(order)
    answer = ask(app, order, 1, reason="Too small")
    assert answer.status_code == 201
    document = answer.json()
    asked_at = document.pop("asked_at")
    assert document == {
        "number": f"{order.number}-1",
        "status": "expected",
        "by_right": True,
        "deadline": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lines": [{"sku": skus(order)[0], "quantity": 1}],
        "reason": "Too small",
        "answer": "",
    }
    shown = app.get(f"orders/{order.number}/", order_token=order.token).json()["returns"]
    assert shown == [{**document, "asked_at": asked_at}]
    assert "no-store" in answer.headers["Cache-Control"]


def test_before_delivery_there_is_no_deadline_yet(app: App, order: Order) -> None:
    assert app.get(f"orders/{order.number}/", order_token=order.token).json()["returns"] == []
    document = ask(app, order, 2, 2).json()
    assert (document["status"], document["deadline"]) == ("inspected", None)


def test_later_it_is_a_request(app: App, order: Order) -> None:
    deliver(order, days_ago=20)
    document = ask(app, order, 1).json()
    assert (document["status"], document["by_right"]) == ("requested", False)


def test_the_same_key_records_it_once(app: App, order: Order) -> None:
    first, again = (ask(app, order, 1, idempotency_key="one") for _ in range(2))
    assert first.json() == again.json()
    assert Return.objects.count() == 1
    assert_problem(ask(app, order, 2, idempotency_key="one"), 422, "idempotency_key_reused")
    assert ask(app, order, 1, idempotency_key="two").status_code == 201
    assert_problem(ask(app, order, 1, idempotency_key="x" * 256), 400, "idempotency_key_invalid")


def test_a_key_belongs_to_its_order(app: App, order: Order) -> None:
    other = order_of(ready_cart())
    assert {ask(app, one, 1, idempotency_key="one").status_code for one in (order, other)} == {201}


def test_no_more_than_there_is(app: App, order: Order) -> None:
    problem = assert_problem(ask(app, order, 3), 409, "return_not_possible")
    assert problem["reason"] == "too_many"
    strange = {"lines": [{"sku": "NOTHING", "quantity": 1}]}
    answer = app.post(f"orders/{order.number}/returns/", strange, order_token=order.token)
    assert assert_problem(answer, 409, "return_not_possible")["reason"] == "too_many"


def test_not_before_it_is_paid(app: App) -> None:
    waiting = order_of(ready_cart(), "pix")
    assert assert_problem(ask(app, waiting, 1), 409, "return_not_possible")["reason"] == "status"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "lines"),
        ({"lines": []}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 1}]}, "lines"),
        ({"lines": [{"sku": "A", "quantity": 1}], "reason": "x" * 501}, "reason"),
        ({"lines": [{"sku": "A", "quantity": 1}], "why": ""}, "why"),
    ],
)
def test_what_is_no_return(app: App, order: Order, body: Any, field: str) -> None:
    answer = app.post(f"orders/{order.number}/returns/", body, order_token=order.token)
    assert_problem(answer, 422, "invalid", field)
    assert not Return.objects.exists()


def test_nobody_else(app: App, order: Order) -> None:
    for token in ("", "x", order_of(ready_cart()).token):
        assert_problem(ask(app, order, 1, order_token=token), 404, "not_found")
    assert_problem(ask(App(UserFactory()), order, 1, order_token=""), 404, "not_found")


def test_its_owner_needs_no_token(user: Any, users_app: App) -> None:
    mine = order_of(ready_cart(user_id=user.pk))
    assert ask(users_app, mine, 1, order_token="").status_code == 201
    assert len(users_app.get("orders/").json()["results"][0]["returns"]) == 1
