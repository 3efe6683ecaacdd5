"""GET orders/{number}/ and orders/."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checkout import services, shipments
from checkout.models import Order, Shipment, ShipmentStatus
from checkout.place_order import PlaceOrder, place_order
from checkout.settle import cancel_pending_payment
from checkout.shipments import ParcelToPost, Tracking
from tests.support.api import App, assert_problem
from tests.support.factories.accounts import UserFactory
from tests.support.factories.cart import ready_cart

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def order(user_id: int | None = None, lines: int = 1, method: str = "pm_card_visa") -> Order:
    cart = ready_cart(lines, user_id=user_id)
    return place_order(
        PlaceOrder(cart_token=cart.id, payment_method=method, expected_total=cart.total, language="en", user_id=user_id)
    )


class TestOne:
    def test_a_guest_shows_the_token(self, app: App) -> None:
        placed = order()
        answer = app.get(f"orders/{placed.number}/", order_token=placed.token)
        assert answer.status_code == 200
        assert answer.json()["number"] == placed.number
        assert set(answer.headers["Cache-Control"].split(", ")) == {"private", "no-store"}

    def test_the_number_may_be_in_lower_case(self, app: App) -> None:
        placed = order()
        assert app.get(f"orders/{placed.number.lower()}/", order_token=placed.token).status_code == 200

    def test_its_owner_needs_no_token(self, user: Any, users_app: App) -> None:
        placed = order(user.pk)
        assert users_app.get(f"orders/{placed.number}/").json()["number"] == placed.number

    @pytest.mark.parametrize("token", ["", "x", "A" * 43, "ç", "\0"])
    def test_no_one_else(self, app: App, token: str) -> None:
        placed = order(UserFactory().pk)
        assert_problem(app.get(f"orders/{placed.number}/", order_token=token), 404, "not_found")
        other_user = App(UserFactory())
        assert_problem(other_user.get(f"orders/{placed.number}/", order_token=token), 404, "not_found")

    def test_another_orders_token(self, app: App) -> None:
        placed, other = order(), order()
        assert_problem(app.get(f"orders/{placed.number}/", order_token=other.token), 404, "not_found")

    @pytest.mark.parametrize("number", ["0000000000", "1", "x" * 11, "AAAAAAAAA-"])
    def test_an_unknown_order(self, app: App, number: str) -> None:
        assert_problem(app.get(f"orders/{number}/"), 404, "not_found")

    def test_a_cancelled_payment(self, app: App) -> None:
        placed = order(method="pix")
        cancel_pending_payment(placed.cart.token, placed.cart.user_id)
        document = app.get(f"orders/{placed.number}/", order_token=placed.token).json()
        assert document["status"] == "cancelled"
        assert document["payment"] == {"status": "cancelled", "method": "pix", "action": None}


class TestShipments:
    def test_none_before_it_ships(self, app: App) -> None:
        placed = order()
        assert app.get(f"orders/{placed.number}/", order_token=placed.token).json()["shipments"] == []

    def test_each_with_its_lines_and_steps(self, app: App) -> None:
        placed = order(lines=2)
        first, second = placed.lines.order_by("pk")
        shipments.post_parcel(placed, ParcelToPost(Tracking("Correios", "PAC", "QB123456789BR"), {first.pk: 1}))
        document = app.get(f"orders/{placed.number}/", order_token=placed.token).json()
        assert document["status"] == "partly_shipped"
        (parcel,) = document["shipments"]
        posted = parcel.pop("posted_at")
        assert parcel == {
            "carrier": "Correios",
            "service": "PAC",
            "tracking_code": "QB123456789BR",
            "tracking_url": "https://rastreamento.correios.com.br/app/index.php?objetos=QB123456789BR",
            "status": "posted",
            "delivered_at": None,
            "lines": [{"sku": first.sku, "quantity": 1}],
            "events": [{"at": posted, "status": "posted", "text": "On its way"}],
        }
        shipments.post_parcel(placed, ParcelToPost())
        newest = Shipment.objects.get(tracking_code="")
        shipments.record_news(newest, ShipmentStatus.DELIVERED, text="Objeto entregue ao destinatário")
        document = app.get(f"orders/{placed.number}/", order_token=placed.token).json()
        assert document["status"] == "shipped"
        parcel = document["shipments"][1]
        assert parcel["lines"] == [{"sku": second.sku, "quantity": 1}]
        assert parcel["delivered_at"]
        assert [event["text"] for event in parcel["events"]] == ["On its way", "Objeto entregue ao destinatário"]

    def test_one_that_shipped_before_parcels_were_recorded(self, app: App) -> None:
        placed = order()
        Order.objects.update(status="shipped")
        document = app.get(f"orders/{placed.number}/", order_token=placed.token).json()
        assert (document["status"], document["shipments"]) == ("shipped", [])


class TestMine:
    def test_newest_first_and_only_mine(self, user: Any, users_app: App) -> None:
        mine = [order(user.pk).number, order(user.pk).number]
        order()
        order(UserFactory().pk)
        page = users_app.get("orders/").json()
        assert page["count"] == 2
        assert (page["next"], page["previous"]) == (None, None)
        assert [document["number"] for document in page["results"]] == mine[::-1]
        assert page["results"][0] == users_app.get(f"orders/{mine[1]}/").json()

    def test_parcels_are_read_for_all_at_once(self, user: Any, users_app: App) -> None:
        counts = []
        for more in (1, 2, 4):
            for _ in range(more):
                services.mark_shipped(order(user.pk))
            with CaptureQueriesContext(connection) as queries:
                page = users_app.get("orders/").json()
            assert all(len(document["shipments"]) == 1 for document in page["results"])
            counts.append(len(queries))
        _cold, few, many = counts
        assert few == many

    def test_requires_sign_in(self, app: App) -> None:
        answer = app.get("orders/")
        assert_problem(answer, 401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"] == "Token"

    @pytest.mark.parametrize("number", ["2", "0", "x"])
    def test_a_page_out_of_range(self, users_app: App, number: str) -> None:
        assert_problem(users_app.get("orders/", {"page": number}), 404, "not_found")
